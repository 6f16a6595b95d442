import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { augmentOptions, dataOptions, engineOptions, seedOption } from "./support/tables.js";

const VIEWS = "Views of an image";

export const options = {
  data: {
    type: "string",
    value: "path",
    required: true,
    positional: true,
    describe: "Class folders, a folder of images, or an IDX file",
  },
  tokenizer: {
    type: "string",
    value: "run",
    required: true,
    alias: "t",
    describe: "Run directory of train-vq, or a model file",
  },
  out: { type: "string", value: "file", required: true, alias: "o", describe: "Token file to write (.safetensors)" },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of a run that is not finished" },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Most rows encoded together; a processor takes as many as are fastest",
  },
  limit: { type: "number", integer: true, min: 1, describe: "Encode only the first images", unit: "images" },
  classNames: {
    type: "string",
    value: "file",
    describe: "Text file of class names, one a line; folder names or classes.txt beside an IDX file unless given",
    group: "Data",
  },
  ...dataOptions,
  views: {
    type: "number",
    integer: true,
    min: 1,
    default: 1,
    describe: "Rows for each image, one after the other: first the plain centred square, then other views",
    group: VIEWS,
  },
  crop: { ...augmentOptions.crop, describe: "random takes another square for every further view", group: VIEWS },
  cropScale: { ...augmentOptions.cropScale, group: VIEWS },
  flip: {
    ...augmentOptions.flip,
    describe: "Mirror the second of two views, or with --crop random further views at random",
    group: VIEWS,
  },
  seed: { ...seedOption, describe: "Decides the random crops and flips", group: VIEWS },
  ...engineOptions,
} as const satisfies OptionTable;

export const encode = defineCommand({
  command: "encode",
  describe: "Turn images into a token file, and report codebook usage",
  options,
  examples: [
    ["vitvq encode photos/ --tokenizer runs/vq --out photos.safetensors", "codes and labels of every image"],
    ["vitvq encode photos/ -t runs/vq -o photos.safetensors --json", "the same, with usage and perplexity as JSON"],
    ["vitvq encode photos/ -t runs/vq -o photos.safetensors --views 2 --flip", "every image and its mirror image"],
    [
      "vitvq encode photos/ -t runs/vq -o photos.safetensors --views 10 --crop random --crop-scale 1,1.125",
      "ten rows an image, to train a VIM on",
    ],
  ],
  dryRun: true,
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).ENCODE_RULES,
  handler: async (context) => (await import("./run/encode.js")).run(context),
});
