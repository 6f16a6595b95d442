import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { dataOptions, engineOptions } from "./support/tables.js";

const [TOKENIZER, SAMPLES] = ["A tokenizer", "Samples"] as const;

export const options = {
  data: {
    type: "string",
    value: "path",
    positional: true,
    describe: "Images to reconstruct: class folders, a folder of images, or an IDX file",
    group: TOKENIZER,
  },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "Run directory of train-vq, or a model file",
    group: TOKENIZER,
  },
  checkpoint: {
    type: "boolean",
    describe: "Use the newest checkpoint of a run that is not finished",
    group: TOKENIZER,
  },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Images reconstructed or read together",
  },
  samples: { type: "string", value: "folder", describe: "Folder that `vitvq sample` wrote", group: SAMPLES },
  reference: {
    type: "string",
    value: "path",
    describe: "Training images, among which the nearest to each sample is sought",
    group: SAMPLES,
  },
  real: {
    type: "string",
    value: "path",
    describe: "Real images that were not trained on, measured like the samples: what to expect at best",
    group: SAMPLES,
  },
  copyDistance: {
    type: "number",
    min: 0,
    describe:
      "A sample this close to a training image counts as a copy: root mean square of the pixel gaps, 0.03 unless given",
    group: SAMPLES,
  },
  out: { type: "string", value: "folder", alias: "o", describe: "Folder for the figures as JSON and a picture" },
  limit: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Take only the first images to reconstruct, or the first samples and real images",
    unit: "images",
  },
  ...dataOptions,
  ...engineOptions,
} as const satisfies OptionTable;

export const evaluate = defineCommand({
  command: "evaluate",
  describe: "Measure how well a tokenizer reconstructs, or how good samples are",
  options,
  examples: [
    ["vitvq evaluate photos/ --tokenizer runs/vq --out evaluation", "PSNR, SSIM, codebook usage, and a picture"],
    [
      "vitvq evaluate --samples samples --reference photos/train --real photos/test",
      "which class the nearest training image has, and whether samples are copies",
    ],
  ],
  dryRun: true,
  force: true,
  handler: async (context) => (await import("./run/evaluate.js")).run(context),
});
