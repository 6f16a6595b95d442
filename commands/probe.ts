import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { engineOptions } from "./support/tables.js";

const [BASELINES, CLASSIFIER, VIEWS] = ["Baselines", "Classifier", "Views of an image"] as const;

export const options = {
  vim: {
    type: "string",
    value: "run",
    required: true,
    positional: true,
    describe: "Run directory of train-vim or import, or a model file",
  },
  train: { type: "string", value: "file", required: true, describe: "Token file that the classifiers are fitted to" },
  test: { type: "string", value: "file", required: true, describe: "Token file that they are judged by" },
  out: {
    type: "string",
    value: "folder",
    alias: "o",
    describe: "Folder for probe.json, chart and confusion matrix (SVG and PNG), and classifier.safetensors",
  },
  save: {
    type: "string",
    value: "file",
    describe: "Where to write the best block's classifier, for classify; into --out unless given",
  },
  blocks: {
    type: "numbers",
    integer: true,
    min: 0,
    describe: "Blocks to probe, counted from 1, 0 being the embeddings before the first; all unless given",
  },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of a run that is not finished" },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Most images shown to the VIM together; a processor takes as many as are fastest",
  },
  l2: {
    type: "number",
    min: 0,
    describe: "Weight of the penalty |W|^2 / 2; unless given, chosen on a tenth held out of --train, for each block",
    group: CLASSIFIER,
  },
  seed: {
    type: "number",
    integer: true,
    min: 0,
    max: 2 ** 32 - 1,
    default: 0,
    describe: "Decides the weights of the random VIM, what is held out, and what is in a fraction",
    group: CLASSIFIER,
  },
  fractions: {
    type: "numbers",
    above: 0,
    max: 1,
    describe:
      "Shares of each class's training images to fit to as well, for instance 0.01,0.1; one image a class at least",
    group: CLASSIFIER,
  },
  trainViews: {
    type: "string",
    choices: ["all", "first"],
    default: "all",
    describe: "Fit to all views in --train, augmented, or to the first of each image, plain",
    group: VIEWS,
  },
  testViews: {
    type: "string",
    choices: ["mean", "first"],
    default: "mean",
    describe: "Judge an image by the mean of the probabilities of its views in --test, or by the first",
    group: VIEWS,
  },
  randomInit: { type: "boolean", default: true, describe: "Probe a VIM with random weights, too", group: BASELINES },
  rawPixels: { type: "boolean", default: true, describe: "Classify the images' pixels, too", group: BASELINES },
  stage1: {
    type: "boolean",
    default: true,
    describe: "Classify what the tokenizer's encoder makes of the images (the mean over its tokens), too",
    group: BASELINES,
  },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "The tokenizer of the codes, if no longer where they were encoded",
    group: BASELINES,
  },
  pixelSize: {
    type: "number",
    integer: true,
    min: 1,
    max: 1024,
    describe: "Side that images are brought to for their pixels; the tokenizer's, but at most 32, unless given",
    unit: "pixels",
    group: BASELINES,
  },
  trainData: {
    type: "string",
    value: "path",
    describe: "Images of --train, if no longer where they were encoded",
    group: BASELINES,
  },
  testData: { type: "string", value: "path", describe: "Images of --test, likewise", group: BASELINES },
  ...engineOptions,
} as const satisfies OptionTable;

export type ProbeConfig = ConfigOf<typeof options>;

export const probe = defineCommand({
  command: "probe",
  describe: "Measure what a VIM has learned: a linear classifier on the features of each block",
  options,
  examples: [
    ["vitvq probe runs/vim --train train.safetensors --test test.safetensors", "top-1 and top-5 by block"],
    [
      "vitvq probe runs/vim --train train.safetensors --test test.safetensors --out runs/probe",
      "the same, as JSON and as a chart, too, and a classifier",
    ],
    [
      "vitvq probe runs/vim --train train.safetensors --test test.safetensors --fractions 0.01,0.1",
      "with 1% and 10% of the labels, too",
    ],
    [
      "vitvq probe runs/vim --train train.safetensors --test test.safetensors --blocks 15 --no-random-init",
      "one block, without the second VIM",
    ],
  ],
  dryRun: true,
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).PROBE_RULES,
  handler: async (context) => (await import("./run/probe.js")).run(context),
});
