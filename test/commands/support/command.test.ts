import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defineCommand } from "../../../commands/support/command.js";
import type { OptionTable } from "../../../commands/support/options.js";
import { inTemporaryFolder } from "../../support.js";
import { example } from "./spawn.js";

const test = suite("commands/support/command");

const defaults = {
  batchSize: 8,
  learningRate: 0.001,
  betas: [0.9, 0.96],
  activation: "gelu",
  patchSize: 8,
  flip: true,
};

/** What the example command found: its result with `--json`. */
async function outcome(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await example("train", "--json", ...args);
  assert.is(status, 0, stderr);
  assert.is(stdout.trim().split("\n").length, 1, "one line of JSON");
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function refused(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await example("train", ...args);
  assert.is(status, 2, stderr);
  assert.is(stdout, "");
  assert.is(stderr.trim().split("\n").length, 1, "one line of complaint");
  return stderr.trim();
}

test("people get text on stdout and progress on stderr", async () => {
  const { status, stdout, stderr } = await example("train", "-o", "runs/a");
  assert.is(status, 0);
  assert.is(stdout, "trained gelu for runs/a\n");
  assert.is(stderr, "batches of 8\nwarning: no seed\n");
});

test("--quiet silences progress, but neither warnings nor the result", async () => {
  const { stdout, stderr } = await example("train", "-o", "runs/a", "--quiet");
  assert.is(stdout, "trained gelu for runs/a\n");
  assert.is(stderr, "warning: no seed\n");
});

test("--json gives one object with the typed config", async () => {
  const { config, commandLine, explicit } = await outcome(
    "a",
    "007",
    "--out=1e3",
    "--seed",
    "-3",
    "--tag",
    "p,q",
    "--tag",
    "r",
  );
  assert.equal(config, { images: ["a", "007"], out: "1e3", ...defaults, seed: -3, tag: ["p,q", "r"] });
  assert.equal(explicit, ["images", "out", "seed", "tag"]);
  assert.equal((commandLine as string[]).slice(0, 4), ["train", "--json", "a", "007"]);
});

test("flags win over the config file, the file over the preset it names, the preset over defaults", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "run.yaml");
    await writeFile(file, "preset: large\nbatch-size: 20\nlearningRate: 2e-3\nflip: false\nimages: [c]\n");
    const found = await outcome("--config", file, "-o", "x", "--learning-rate", "0.5");
    const config = { ...defaults, batchSize: 20, learningRate: 0.5, activation: "tanh", flip: false };
    assert.equal(found["config"], { images: ["c"], out: "x", ...config });
    assert.is(found["preset"], "large");
    const other = await outcome("--config", file, "-o", "x", "--preset", "small");
    assert.is((other["config"] as typeof config).patchSize, 16);
    assert.is((other["config"] as typeof config).batchSize, 20);
  });
});

test("the printed config is a config file that gives the same config", async () => {
  await inTemporaryFolder(async (folder) => {
    const args = ["-o", "x", "--preset", "small", "--no-flip", "--betas", "0.5,0.7", "--tag", "yes"];
    const printed = await example("train", ...args, "--print-config");
    assert.is(printed.status, 0);
    assert.is(printed.stderr, "", "the handler did not run");
    const file = path.join(folder, "run.yaml");
    await writeFile(file, printed.stdout);
    const again = await outcome("--config", file);
    assert.equal(again["config"], (await outcome(...args))["config"]);
  });
});

test("--print-config needs no required option, and speaks JSON when asked", async () => {
  const { status, stdout } = await example("train", "--print-config", "--json");
  assert.is(status, 0);
  assert.equal(JSON.parse(stdout), defaults);
});

test("errors of the command line name option, rule and value", async () => {
  assert.is(
    await refused("--out", "x", "--batchsize", "3"),
    "vitvq: unknown option --batchsize; did you mean --batch-size?",
  );
  assert.is(await refused("-o", "x", "--batch-size"), "vitvq: --batch-size needs a value: an integer from 1 to 4096");
  assert.is(await refused("-o", "x", "--flip=maybe"), 'vitvq: --flip: want true or false, got "maybe"');
  assert.is(await refused("-o", "a", "-o", "b"), "vitvq: --out was given 2 times (a, b); give it once");
  assert.is(await refused("--out", "--quiet"), "vitvq: --out needs a value: a string");
  assert.match(
    await refused("-o", "x", "--preset", "smal"),
    /want one of small, large, got "smal"; did you mean small\?/,
  );
  assert.match(await refused("-o", "x", "--out.x", "1"), /unknown option --out\.x/);
  assert.match(await refused(), /^vitvq: --out is missing/);
});

test("--dry-run, --force and --resume reach the handler", async () => {
  const { dryRun, force, resume } = await outcome("-o", "x", "--dry-run", "--force");
  assert.equal({ dryRun, force, resume }, { dryRun: true, force: true, resume: false });
  assert.is((await outcome("-o", "new", "--resume"))["resume"], true);
  assert.match(await refused("-o", "x", "--force", "--resume"), /give one of them/);
});

test("commands that did not ask for them know no --force, --resume or --preset", async () => {
  for (const flag of ["--force", "--resume", "--dry-run", "--preset=a"]) {
    const { status, stderr } = await example("fail", flag);
    assert.is(status, 2);
    assert.match(stderr, /unknown option/);
  }
});

test("a resumed run keeps its own options, and refuses others", async () => {
  const { config } = await outcome("-o", "old", "--resume", "--learning-rate", "4", "--batch-size", "3");
  assert.equal(config, { out: "old", ...defaults, batchSize: 3, learningRate: 4 });
  assert.match(
    await refused("-o", "old", "--resume", "--batch-size", "4"),
    /--batch-size asks for 4, .* started with 3/,
  );
  assert.match(await refused("-o", "old", "--resume", "--preset", "small"), /batchSize of preset small asks for 2/);
});

test("a resumed run may be given its preset again, which changes nothing, and not another one", async () => {
  for (const again of [["--preset", "small"], []]) {
    const { config, preset } = await outcome("-o", "small", "--resume", ...again);
    assert.equal([config, preset], [{ out: "small", ...defaults, batchSize: 3, patchSize: 16 }, "small"]);
  }
  assert.match(await refused("-o", "small", "--resume", "--preset", "large"), /batchSize of preset large asks for 64/);
});

test("of a run that names no preset, one that fits is taken, and what may change stays as well", async () => {
  const { config } = await outcome("-o", "older", "--resume", "--preset", "large");
  assert.is((config as Record<string, unknown>)["learningRate"], 0.5);
});

test("a table or preset that contradicts itself is found when the command is defined", () => {
  const options = { dim: { type: "number", describe: "Width", min: 1, default: 8 } } as const satisfies OptionTable;
  const rest = { command: "x", describe: "X", examples: [], handler: async () => {} };
  defineCommand({ ...rest, options, presets: { small: { dim: 1 } } });
  assert.throws(
    () => defineCommand({ ...rest, options, presets: { small: { dim: 0 } } }),
    /dim of preset small: want a number at least 1/,
  );
  const odd: Record<string, object> = { small: { width: 1 } };
  assert.throws(() => defineCommand({ ...rest, options, presets: odd }), /preset small sets width, which is no option/);
  assert.throws(
    () => defineCommand({ ...rest, options: { dim: { ...options.dim, default: 0 } } }),
    /dim by default: want a number at least 1/,
  );
  assert.throws(
    () => defineCommand({ ...rest, options: { json: { type: "boolean", describe: "No" } } }),
    /option json is a common one/,
  );
});

test.run();
