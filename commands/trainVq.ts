import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { storedOptions } from "./support/resume.js";
import { augmentOptions, dataOptions, engineOptions, RESUMABLE, trainingOptions } from "./support/tables.js";
import { lossOptions, modelOptions } from "./support/tokenizerOptions.js";
import { tokenizerPresets } from "./support/tokenizerPresets.js";

const [DATA, OPTIMIZER, RUN] = ["Data", "Optimizer", "Run"] as const;

export const options = {
  data: {
    type: "string",
    value: "path",
    required: true,
    positional: true,
    describe: "Class folders, a folder of images, or an IDX file",
    group: DATA,
  },
  val: {
    type: "string",
    value: "path",
    describe: "Images to score and show reconstructions of; the training images unless given",
    group: DATA,
  },
  ...dataOptions,
  ...augmentOptions,
  freezeEncoder: {
    type: "string",
    value: "run",
    describe: "Take encoder and codebook from this run and train only a decoder for its codes, of any size",
    group: "Model",
  },
  ...modelOptions,
  ...lossOptions,
  lr: { type: "number", above: 0, default: 1e-4, describe: "Peak learning rate", group: OPTIMIZER },
  lrFinal: {
    type: "number",
    min: 0,
    default: 5e-5,
    describe: "Learning rate at the end of the cosine",
    group: OPTIMIZER,
  },
  warmup: {
    type: "number",
    integer: true,
    min: 0,
    default: 500,
    describe: "Steps of linear warm-up",
    group: OPTIMIZER,
  },
  weightDecay: { type: "number", min: 0, default: 1e-4, describe: "Decoupled weight decay", group: OPTIMIZER },
  beta1: { type: "number", min: 0, below: 1, default: 0.9, describe: "Decay of the first moment", group: OPTIMIZER },
  beta2: { type: "number", min: 0, below: 1, default: 0.99, describe: "Decay of the second moment", group: OPTIMIZER },
  ...trainingOptions,
  sampleEvery: {
    type: "number",
    integer: true,
    min: 1,
    default: 500,
    describe: "Steps between pictures of reconstructions and their PSNR",
    group: RUN,
  },
  ...engineOptions,
} as const satisfies OptionTable;

export type TrainVqConfig = ConfigOf<typeof options>;

export const trainVq = defineCommand({
  command: "train-vq",
  describe: "Train an image tokenizer (stage 1)",
  options,
  presets: tokenizerPresets,
  examples: [
    [
      "vitvq train-vq photos/ --out runs/vq --preset tiny --steps 200 --adversarial-weight 0",
      "a small tokenizer of 32x32 images, within a minute",
    ],
    ["vitvq train-vq photos/ --out runs/vq --resume", "go on where it stopped"],
    [
      "vitvq train-vq imagenet/train --out runs/ss --preset small --batch-size 256 --steps 500000 --warmup 50000 --flip --crop random",
      "the paper's ViT-VQGAN-SS",
    ],
    [
      "vitvq train-vq photos/ --out runs/sl --freeze-encoder runs/vq --decoder large",
      "a larger decoder for the codes of a tokenizer, for sample --decoder",
    ],
  ],
  dryRun: true,
  force: true,
  resume: {
    stored: (given) => storedOptions("train-vq", given.out, options),
    mayChange: [...RESUMABLE, "labels", "strict", "lr", "lrFinal", "sampleEvery", "val"],
    mayMove: ["vgg", "lpips", "freezeEncoder"],
  },
  idle: async () => (await import("./run/idleOptions.js")).VQ_RULES,
  handler: async (context) => (await import("./run/trainVq.js")).run(context),
});
