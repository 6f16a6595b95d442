import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { dataOptions, engineOptions } from "./support/tables.js";

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
  batchSize: { type: "number", integer: true, min: 1, default: 32, describe: "Images encoded together" },
  limit: { type: "number", integer: true, min: 1, describe: "Encode only the first images", unit: "images" },
  classNames: {
    type: "string",
    value: "file",
    describe: "Text file of class names, one a line; folder names or classes.txt beside an IDX file unless given",
    group: "Data",
  },
  ...dataOptions,
  ...engineOptions,
} as const satisfies OptionTable;

export const encode = defineCommand({
  command: "encode",
  describe: "Turn images into a token file, and report codebook usage",
  options,
  examples: [
    ["vitvq encode photos/ --tokenizer runs/vq --out photos.safetensors", "codes and labels of every image"],
    ["vitvq encode photos/ -t runs/vq -o photos.safetensors --json", "the same, with usage and perplexity as JSON"],
  ],
  dryRun: true,
  force: true,
  handler: async (context) => (await import("./run/encode.js")).run(context),
});
