import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { dataOptions, engineOptions } from "./support/tables.js";

const IMAGES = "Images";

export const options = {
  data: {
    type: "string",
    value: "path",
    required: true,
    positional: true,
    describe: "Token file (.safetensors), class folders, a folder of images, one image, or an IDX file",
  },
  with: {
    type: "string",
    value: "file",
    required: true,
    alias: "w",
    describe: "Classifier that probe wrote (classifier.safetensors)",
  },
  vim: { type: "string", value: "run", describe: "The VIM it was fitted to, if no longer where it was" },
  top: { type: "number", integer: true, min: 1, default: 5, describe: "Likeliest classes to name", unit: "classes" },
  format: {
    type: "string",
    choices: ["text", "jsonl", "csv"],
    default: "text",
    describe: "How an image's line is written",
  },
  out: { type: "string", value: "file", alias: "o", describe: "Write the lines there instead of on stdout" },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Most images classified together; a processor takes as many as are fastest",
  },
  limit: { type: "number", integer: true, min: 1, describe: "Classify only the first images", unit: "images" },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "Tokenizer for images; the classifier's own unless given",
    group: IMAGES,
  },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of a tokenizer not finished", group: IMAGES },
  labels: { ...dataOptions.labels, group: IMAGES },
  strict: { ...dataOptions.strict, group: IMAGES },
  resize: {
    type: "string",
    choices: ["cover", "squash"],
    describe: "cover keeps proportions and crops, squash distorts; as in training unless given",
    group: IMAGES,
  },
  ...engineOptions,
} as const satisfies OptionTable;

export type ClassifyConfig = ConfigOf<typeof options>;

export const classify = defineCommand({
  command: "classify",
  describe: "Name the classes of images or codes, with a classifier that probe wrote",
  options,
  examples: [
    [
      "vitvq classify photos/ --with runs/probe/classifier.safetensors",
      "five classes an image, and how many are right",
    ],
    [
      "vitvq classify test.safetensors -w runs/probe/classifier.safetensors --top 1 --format csv --out classes.csv",
      "the likeliest class of every row of a token file",
    ],
  ],
  dryRun: true,
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).CLASSIFY_RULES,
  handler: async (context) => (await import("./run/classify.js")).run(context),
});
