import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../commands/index.js";
import type { ParsedArguments } from "../../commands/support/flags.js";
import { VitvqError } from "../../lib/errors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { refusal } from "./support/refusal.js";

const test = suite("commands --print-config");

type Flags = Readonly<Record<string, unknown>>;
type Name = keyof typeof commands;

/** Places that each command needs, none of which exists. */
const PLACES: Readonly<Record<Name, Flags>> = {
  "train-vq": { data: "none", out: "none" },
  import: { file: "none", out: "none" },
  encode: { data: "none", tokenizer: "none", out: "none" },
  decode: { tokens: "none", out: "none" },
  evaluate: { data: "none", tokenizer: "none" },
  "train-vim": { tokens: ["none"], out: "none" },
  sample: { vim: "none", out: "none" },
  probe: { vim: "none", train: "none", test: "none" },
  classify: { data: "none", with: "none" },
  report: { folder: "none" },
  export: { run: "none", out: "none" },
  bench: { against: "none" },
  doctor: {},
};

/** Calls beside which options of presets or defaults change nothing. */
const SPECIAL: readonly (readonly [Name, Flags])[] = [
  ["evaluate", { data: undefined, tokenizer: undefined, samples: "none", reference: "none" }],
  ["evaluate", { data: "none", tokenizer: undefined, vim: "none" }],
  ["encode", { views: "2", flip: true }],
  ["export", { format: "safetensors" }],
  ["train-vim", { tokens: [], data: "none", tokenizer: "none" }],
  ["train-vim", { preset: "tiny", optimizer: "adafactor", "beta2-schedule": "power" }],
  ["train-vq", { preset: "tiny", architecture: "cnn" }],
  ["sample", { complete: "none" }],
  ["bench", { steps: "1" }],
  ...(["adversarial-weight", "perceptual-weight"] as const).flatMap((weight) =>
    ["tiny", "base", "cnn-x2", "vqgan-1024", "vq-vae"].map(
      (preset) => ["train-vq", { preset, [weight]: "0" }] as const,
    ),
  ),
  ...["tiny", "cnn-x2", "vqgan-16384", "vq-vae"].map(
    (preset) => ["train-vq", { preset, "freeze-encoder": "none" }] as const,
  ),
];

/** Calls a command in this process, with flags by their names without dashes. */
async function call(name: Name, flags: Flags): Promise<void> {
  const command = await commands[name].load();
  await command.handler({ ...flags, _: [name] } as ParsedArguments);
}

/** What a call prints on stdout. */
async function printed(name: Name, flags: Flags): Promise<string> {
  const { write } = process.stdout;
  let text = "";
  process.stdout.write = (part: string | Uint8Array) => {
    text += String(part);
    return true;
  };
  try {
    await call(name, { ...flags, "print-config": true });
  } finally {
    process.stdout.write = write;
  }
  return text;
}

/** Names of a command's presets, as it lists them itself. */
async function presetsOf(name: Name): Promise<readonly string[]> {
  if (!(await commands[name].load()).help().includes("\nPresets\n")) return [];
  const [, listed = ""] = /want one of (.*), got/.exec(await refusal(() => call(name, { preset: "no such" }))) ?? [];
  return listed.split(", ");
}

/** Gives a printed config back, and wants the same one printed, and a call with it refused for its places at most. */
async function goesRound(name: Name, flags: Flags, places: Flags = {}): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const what = `${name} ${JSON.stringify(flags)}`;
    const file = path.join(folder, "run.yaml");
    const config = await printed(name, flags);
    await writeFile(file, config);
    assert.is(await printed(name, { config: file }), config, what);
    if (name === "doctor") return; // it needs nothing, and would begin
    const { message } = await expectRejection(call(name, { config: file, ...places }), VitvqError);
    assert.not.match(message, /changes nothing/, what);
  });
}

test("what is printed is taken back, by every command with every preset", async () => {
  const names = Object.keys(commands) as Name[];
  let presets = 0;
  for (const name of names) {
    await goesRound(name, PLACES[name]);
    await goesRound(name, {}, PLACES[name]);
    for (const preset of await presetsOf(name)) {
      await goesRound(name, { preset }, PLACES[name]);
      presets++;
    }
  }
  assert.is(presets, 12 + 4);
});

test("what is printed is taken back where presets and defaults have values that change nothing", async () => {
  for (const [name, flags] of SPECIAL) await goesRound(name, { ...PLACES[name], ...flags });
});

test("an option that changes nothing is refused where it was set, by the place where it was", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "run.yaml");
    await writeFile(file, "inceptionProtocol: torch-fidelity\n");
    assert.is(
      await refusal(() => call("evaluate", { ...PLACES.evaluate, config: file })),
      `inceptionProtocol in ${file}: changes nothing here; it wants --inception. Leave it out`,
    );
    await writeFile(file, "batchSize: 2\n");
    assert.match(
      await refusal(() => call("export", { ...PLACES.export, format: "safetensors", config: file })),
      /^batchSize in .*run\.yaml: .* it wants --format onnx or all/,
    );
  });
});

test.run();
