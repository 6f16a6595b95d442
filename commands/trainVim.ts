import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { storedOptions } from "./support/resume.js";
import { augmentOptions, dataOptions, engineOptions, RESUMABLE, trainingOptions } from "./support/tables.js";

const SIZES = ["tiny", "small", "base", "large"] as const;
const [DATA, MODEL, OPTIMIZER, RUN] = ["Data", "Model", "Optimizer", "Run"] as const;

const dimension = (describe: string, max = 2 ** 16) =>
  ({ type: "number", integer: true, min: 1, max, describe, group: MODEL }) as const;

export const options = {
  tokens: {
    type: "strings",
    value: "file",
    positional: true,
    mayBeEmpty: true, // in a stored run of --data
    describe: "Token files of encode, by one tokenizer; classes are merged by name",
    group: DATA,
  },
  weights: {
    type: "numbers",
    above: 0,
    describe: "Share of the draws each token file gets, as 3,1; in proportion to its images unless given",
    group: DATA,
  },
  data: {
    type: "string",
    value: "path",
    describe: "Images instead of token files, augmented and encoded as they are needed",
    group: DATA,
  },
  tokenizer: { type: "string", value: "run", alias: "t", describe: "Run of train-vq that encodes --data", group: DATA },
  ...dataOptions,
  ...augmentOptions,
  val: {
    type: "string",
    value: "path",
    describe: "Token file to score from time to time, or with --data images",
    group: DATA,
  },
  holdOut: {
    type: "number",
    above: 0,
    below: 1,
    describe: "Share of the images to keep out of training and score instead of --val",
    group: DATA,
  },
  size: { type: "string", choices: SIZES, default: "base", describe: "Size of the Transformer", group: MODEL },
  dim: dimension("Width, instead of the size's"),
  depth: dimension("Number of blocks", 2 ** 10),
  heads: dimension("Attention heads"),
  headDim: dimension("Width of a head; the width over the heads unless given"),
  mlpDim: dimension("Hidden width of the MLPs; 4 times the width when that is given"),
  positions: {
    type: "string",
    choices: ["rowcol", "learned"],
    default: "rowcol",
    describe: "Position embedding: row plus column, or one table",
    group: MODEL,
  },
  startPosition: { type: "boolean", describe: "Give the start of a sequence a position of its own", group: MODEL },
  activation: {
    type: "string",
    choices: ["gelu", "squared-relu", "tanh"],
    default: "gelu",
    describe: "Activation in the MLPs",
    group: MODEL,
  },
  tokenShift: {
    type: "boolean",
    describe: "Show attention a learned mix of each token and the one before",
    group: MODEL,
  },
  qkvBias: { type: "boolean", default: true, describe: "Bias of queries, keys and values", group: MODEL },
  logitBias: { type: "boolean", default: true, describe: "Bias of the map to logits", group: MODEL },
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
    describe: "Steps between scores on --val or --hold-out; the weights with the best one are kept as best.safetensors",
    group: RUN,
  },
  stopAfter: {
    type: "number",
    integer: true,
    min: 0,
    default: 0,
    describe: "Scores in a row without a better one after which training ends, 0 for never",
    group: RUN,
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
      "vitvq train-vim photos.safetensors drawings.safetensors --weights 3,1 --hold-out 0.02 --stop-after 5 --out runs/vim",
      "two files, three draws to one; ends when the images held out are learned no better",
    ],
    [
      "vitvq train-vim --data photos/ --tokenizer runs/vq --crop random --flip --out runs/vim --preset tiny",
      "augmented anew every epoch and encoded on the fly, as in the paper",
    ],
    [
      "vitvq train-vim imagenet.safetensors --out runs/vim-large --preset large --batch-size 1024 --steps 450000 --warmup 5000 --optimizer adafactor",
      "the paper's VIM-Large",
    ],
  ],
  dryRun: true,
  force: true,
  resume: {
    stored: (given) => storedOptions("train-vim", given.out, options),
    mayChange: [
      ...RESUMABLE,
      "tokens",
      "tokenizer",
      "labels",
      "lr",
      "lrFinal",
      "sampleEvery",
      "stopAfter",
      "val",
      "strict",
    ],
  },
  idle: async () => (await import("./run/idleOptions.js")).VIM_RULES,
  handler: async (context) => (await import("./run/trainVim.js")).run(context),
});
