import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { dataOptions, engineOptions } from "./support/tables.js";

const [TOKENIZER, VIM, NETWORKS, SAMPLES] = ["A tokenizer", "A VIM", "Networks that judge", "Samples"] as const;

export const options = {
  data: {
    type: "string",
    value: "path",
    positional: true,
    describe: "Images to reconstruct: class folders, a folder of images, or an IDX file; with --vim a token file",
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
  },
  vim: {
    type: "string",
    value: "run",
    describe: "Run directory of train-vim, or a model file: how well it predicts the codes of a token file",
    group: VIM,
  },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Most images or rows of codes computed together; a processor takes as many as are fastest",
  },
  vgg: {
    type: "string",
    value: "file",
    describe: "VGG-16's weights, for LPIPS: torchvision's vgg16-397923af.pth, or safetensors",
    group: NETWORKS,
  },
  lpips: {
    type: "string",
    value: "file",
    describe: "LPIPS's weights of channels: vgg.pth of the lpips package",
    group: NETWORKS,
  },
  inception: {
    type: "string",
    value: "file",
    describe:
      "Inception's weights (pt_inception-2015-12-05-6726825d.pth, or safetensors): rFID, or gFID, precision, recall, " +
      "density and coverage of samples; IS",
    group: NETWORKS,
  },
  inceptionProtocol: {
    type: "string",
    choices: ["pytorch-fid", "torch-fidelity"],
    default: "pytorch-fid",
    describe: "Whose resizing Inception sees; figures of the two do not compare",
    group: NETWORKS,
  },
  statistics: {
    type: "string",
    value: "file",
    describe:
      "What Inception sees in the originals, or in the reference: read if the file is there, else computed and kept in it",
    group: NETWORKS,
  },
  features: {
    type: "string",
    value: "run",
    describe:
      "Run of a tokenizer of the images' size: the same on its encoder's features, without IS and not comparable to " +
      "published figures",
    group: NETWORKS,
  },
  samples: { type: "string", value: "folder", describe: "Folder that `vitvq sample` wrote", group: SAMPLES },
  reference: {
    type: "string",
    value: "path",
    describe:
      "Training images: the nearest to each sample is sought among them, networks compare with them; with --vim " +
      "training codes, whose frequencies are held against it",
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
  out: { type: "string", value: "folder", alias: "o", describe: "Folder for the figures as JSON, and a picture" },
  limit: {
    type: "number",
    integer: true,
    min: 1,
    describe:
      "Take only the first images to reconstruct, the first samples and real images, or the first rows of codes",
  },
  ...dataOptions,
  ...engineOptions,
} as const satisfies OptionTable;

export const evaluate = defineCommand({
  command: "evaluate",
  describe: "Measure how well a tokenizer reconstructs, a VIM predicts codes, or how good samples are",
  options,
  examples: [
    ["vitvq evaluate photos/ --tokenizer runs/vq --out evaluation", "PSNR, SSIM, codebook usage, and a picture"],
    [
      "vitvq evaluate photos/ --tokenizer runs/vq --inception pt_inception-2015-12-05-6726825d.pth",
      "rFID and Inception Scores as well",
    ],
    [
      "vitvq evaluate test.safetensors --vim runs/vim --reference train.safetensors",
      "negative log-likelihood of codes beside their entropies",
    ],
    [
      "vitvq evaluate --samples samples --reference photos/train --real photos/test",
      "which class the nearest training image has, and whether samples are copies",
    ],
    [
      "vitvq evaluate --samples samples --reference photos/train --real photos/test --features runs/vq",
      "Fréchet distance, precision, recall, density and coverage without Inception's weights",
    ],
  ],
  dryRun: true,
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).EVALUATE_RULES,
  handler: async (context) => (await import("./run/evaluate.js")).run(context),
});
