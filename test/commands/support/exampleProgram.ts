/** A small program on top of the framework, for tests to spawn. */
import { defineCommand } from "../../../commands/support/command.js";
import type { OptionTable } from "../../../commands/support/options.js";
import { main } from "../../../commands/support/program.js";
import { DataError } from "../../../lib/errors.js";

const options = {
  images: { type: "strings", value: "path", describe: "Image folders", positional: true },
  out: { type: "string", value: "folder", describe: "Where the run goes", required: true, alias: "o" },
  batchSize: {
    type: "number",
    describe: "Images a step",
    integer: true,
    min: 1,
    max: 4096,
    default: 8,
    group: "Steps",
  },
  learningRate: { type: "number", describe: "Largest step", above: 0, default: 1e-3, group: "Steps" },
  seed: { type: "number", describe: "Of all randomness", integer: true, min: -10, group: "Steps" },
  betas: {
    type: "numbers",
    describe: "Decay rates",
    min: 0,
    below: 1,
    length: 2,
    default: [0.9, 0.96],
    group: "Steps",
  },
  activation: {
    type: "string",
    describe: "Between layers",
    choices: ["gelu", "tanh"],
    default: "gelu",
    group: "Model",
  },
  patchSize: { type: "number", describe: "Of a patch", unit: "pixels", choices: [8, 16], default: 8, group: "Model" },
  flip: { type: "boolean", describe: "Mirror half of the images", default: true },
  tag: { type: "strings", describe: "Words to keep with the run" },
} as const satisfies OptionTable;

const train = defineCommand({
  command: "train",
  describe: "Pretend to train",
  options,
  presets: { small: { batchSize: 2, patchSize: 16 }, large: { batchSize: 64, activation: "tanh", learningRate: 2 } },
  examples: [["vitvq train --out runs/a", "pretends at once"]],
  dryRun: true,
  force: true,
  resume: {
    stored: async ({ out }) => {
      if (out === "old") return { out: "old", batchSize: 3, learningRate: 0.5 };
      if (out === "older") return { out: "older", batchSize: 64, activation: "tanh", learningRate: 0.5 };
      return out === "small" ? { preset: "small", out: "small", batchSize: 3, patchSize: 16 } : undefined;
    },
    mayChange: ["learningRate"],
  },
  async handler({ config, explicit, preset, dryRun, force, resume, commandLine, log, warn, result }) {
    log(`batches of ${config.batchSize}`);
    if (config.seed === undefined) warn("no seed");
    const outcome = { config, explicit: [...explicit].sort(), preset, dryRun, force, resume, commandLine };
    result(outcome, `trained ${config.activation} for ${config.out}`);
  },
});

/** Ends in every way but a good one. */
const fail = defineCommand({
  command: "fail",
  describe: "Fail in a chosen way",
  options: { how: { type: "string", describe: "In what way", default: "data" } },
  examples: [["vitvq fail --how data", "fails at once"]],
  async handler({ config: { how }, result }) {
    if (how === "data") throw new DataError("images/: no images here");
    if (how === "escape") throw new DataError("\u001b[2Jname");
    if (how === "bug") throw new TypeError("x is not a function");
    if (how === "text") throw "thrown text";
    if (how === "system") process.chdir("/nowhere/at/all");
    if (how === "rejection") void Promise.reject(new DataError("nobody waited"));
    if (how === "late") setTimeout(() => raise(new DataError("from a timer")), 1);
    if (how === "rejection" || how === "late") await new Promise((resolve) => setTimeout(resolve, 5000));
    if (how === "silent") return;
    if (how === "twice") result({}, "");
    if (how === "open") setInterval(() => {}, 1000);
    if (how === "long") result({}, "line\n".repeat(100_000));
    else result({ how }, how, how === "code" ? 6 : 0);
  },
});

function raise(error: Error): void {
  throw error;
}

await main({
  describe: "An example.",
  version: () => "1.2.3",
  commands: {
    train: { describe: train.describe, load: async () => train },
    fail: { describe: fail.describe, load: async () => fail },
  },
});
