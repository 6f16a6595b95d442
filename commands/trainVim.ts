import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { storedOptions } from "./support/resume.js";
import { engineOptions, RESUMABLE, trainingOptions } from "./support/tables.js";

const SIZES = ["tiny", "small", "base", "large"] as const;
const [MODEL, OPTIMIZER] = ["Model", "Optimizer"] as const;

const dimension = (describe: string) => ({ type: "number", integer: true, min: 1, describe, group: MODEL }) as const;

export const options = {
  tokens: { type: "string", value: "file", required: true, positional: true, describe: "Token file of encode" },
  val: { type: "string", value: "file", describe: "Token file to score from time to time" },
  size: { type: "string", choices: SIZES, default: "base", describe: "Size of the Transformer", group: MODEL },
  dim: dimension("Width, instead of the size's"),
  depth: dimension("Number of blocks"),
  heads: dimension("Attention heads"),
  mlpDim: dimension("Hidden width of the MLPs; 4 times the width when that is given"),
  positions: {
    type: "string",
    choices: ["rowcol", "learned"],
    default: "rowcol",
    describe: "Position embedding: row plus column, or one table",
    group: MODEL,
  },
  unconditional: { type: "boolean", describe: "Leave out the class even if the file has labels", group: MODEL },
  dropout: {
    type: "number",
    min: 0,
    below: 1,
    default: 0.1,
    describe: "Dropout on attention weights, activations and branches",
    group: OPTIMIZER,
  },
  classDropout: {
    type: "number",
    min: 0,
    max: 1,
    default: 0.1,
    describe: "Share of sequences shown without their class",
    group: OPTIMIZER,
  },
  lr: { type: "number", above: 0, default: 4.5e-4, describe: "Peak learning rate", group: OPTIMIZER },
  lrFinal: { type: "number", above: 0, default: 1e-5, describe: "Learning rate at the end", group: OPTIMIZER },
  warmup: {
    type: "number",
    integer: true,
    min: 0,
    default: 500,
    describe: "Steps of linear warm-up",
    group: OPTIMIZER,
  },
  hold: {
    type: "number",
    min: 0,
    max: 1,
    default: 0.18,
    describe: "Share of the steps after which the exponential decay begins",
    group: OPTIMIZER,
  },
  optimizer: {
    type: "string",
    choices: ["adamw", "adafactor"],
    default: "adamw",
    describe: "adafactor is the paper's: an eighth of adamw's moments, factored and in 8 bits",
    group: OPTIMIZER,
  },
  weightDecay: { type: "number", min: 0, default: 0.045, describe: "Decoupled weight decay", group: OPTIMIZER },
  beta1: { type: "number", min: 0, below: 1, default: 0.9, describe: "Decay of the first moment", group: OPTIMIZER },
  beta2: { type: "number", min: 0, below: 1, default: 0.96, describe: "Decay of the second moment", group: OPTIMIZER },
  beta2Schedule: {
    type: "string",
    choices: ["constant", "power"],
    default: "constant",
    describe: "Of adafactor: --beta2 at every step, or 1 - step^-0.8",
    group: OPTIMIZER,
  },
  updateClip: {
    type: "number",
    min: 0,
    default: 1,
    describe: "Of adafactor: largest root mean square of a parameter's update, 0 for no clipping",
    group: OPTIMIZER,
  },
  ...trainingOptions,
  sampleEvery: {
    type: "number",
    integer: true,
    min: 1,
    default: 500,
    describe: "Steps between scores on --val",
    group: "Run",
  },
  ...engineOptions,
} as const satisfies OptionTable;

export type TrainVimConfig = ConfigOf<typeof options>;

export const trainVim = defineCommand({
  command: "train-vim",
  describe: "Train a VIM, the autoregressive Transformer over codes (stage 2)",
  options,
  presets: {
    tiny: { size: "tiny", batchSize: 64, lr: 2e-3, lrFinal: 1e-4, warmup: 100, hold: 0.5 },
    small: { size: "small" },
    base: { size: "base" },
    large: { size: "large" },
  },
  examples: [
    ["vitvq train-vim photos.safetensors --out runs/vim --preset tiny --steps 200", "a small model, within a minute"],
    ["vitvq train-vim photos.safetensors --out runs/vim --resume", "go on where it stopped"],
    [
      "vitvq train-vim imagenet.safetensors --out runs/vim-large --preset large --batch-size 1024 --steps 450000 --warmup 5000 --optimizer adafactor",
      "the paper's VIM-Large",
    ],
  ],
  dryRun: true,
  force: true,
  resume: {
    stored: (given) => storedOptions("train-vim", given.out, options),
    mayChange: [...RESUMABLE, "lr", "lrFinal", "sampleEvery", "val"],
  },
  handler: async (context) => (await import("./run/trainVim.js")).run(context),
});
