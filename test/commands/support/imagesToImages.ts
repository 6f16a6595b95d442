/** From images to new images by the built program, on what is used by default and beside it on something else. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as assert from "uvu/assert";
import { fixture, vitvq } from "../../support.js";

const IMAGES = fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz");
export const STAGE_1 = ["train-vq", IMAGES, "--preset", "tiny", "--image-size", "8", "--patch-size", "4"];
for (const part of ["encoder", "decoder"])
  STAGE_1.push(`--${part}-dim`, "8", `--${part}-depth`, "1", `--${part}-heads`, "2");
STAGE_1.push("--channels", "1", "--codebook-size", "16", "--code-dim", "4", "--adversarial-weight", "0");
STAGE_1.push("--batch-size", "4");
/** In lanes, which are parts one after the other elsewhere: each draws its own dropout. */
const STAGE_2 = [
  "--preset",
  "tiny",
  "--dim",
  "16",
  "--heads",
  "2",
  "--depth",
  "1",
  "--batch-size",
  "4",
  "--lanes",
  "2",
];

/** Runs a command, requires it to end well and returns what it printed. */
export const done = (...args: string[]): Promise<string> => doneIn({}, ...args);

async function doneIn(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  const { status, stderr, stdout } = await vitvq([...args, "--quiet"], { env });
  assert.is(status, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/**
 * Goes on with a training of stage 1, encodes, trains stage 2 and samples in `folder`, by default and with `flags`, and
 * requires equal losses, to four digits, and equal codes. What is made by default lies in `cpu`, `cpu.codes` and `cpu-vim`.
 */
export async function expectSameImages(
  folder: string,
  flags: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const done = (...args: string[]) => doneIn(env, ...args);
  const at = (name: string) => path.join(folder, name);
  for (const [name, on] of [
    ["cpu", []],
    ["other", flags],
  ] as const) {
    const train = [...STAGE_1, "--out", at(name), "--log-every", "1", "--checkpoint-every", "1"];
    await done(...train, "--steps", "1");
    await done(...train, "--steps", "3", "--resume", ...on);
    await done("encode", IMAGES, "--tokenizer", at("cpu"), "--out", at(`${name}.codes`), "--limit", "32", ...on);
    const prior = ["train-vim", at("cpu.codes"), "--out", at(`${name}-vim`), ...STAGE_2, "--log-every", "1"];
    await done(...prior, "--steps", "2", ...on);
    const drawn = ["--tokenizer", at("cpu"), "--out", at(`${name}-samples`), "--count", "3", "--seed", "1"];
    await done("sample", at("cpu-vim"), ...drawn, "--tokens-out", at(`${name}.drawn`), ...on);
  }
  assert.equal(await lossesOf(at("other"), "loss"), await lossesOf(at("cpu"), "loss"));
  assert.equal(await lossesOf(at("other-vim"), "nll"), await lossesOf(at("cpu-vim"), "nll"));
  for (const kind of ["codes", "drawn"]) {
    const [got, want] = [await readFile(at(`other.${kind}`)), await readFile(at(`cpu.${kind}`))];
    assert.ok(got.equals(want), kind);
  }
}

const lossesOf = async (run: string, name: string) =>
  (await readFile(path.join(run, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as Record<string, number>)[name]!.toPrecision(4));
