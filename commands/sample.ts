import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { engineOptions } from "./support/tables.js";

const [WHAT, HOW] = ["What to draw", "How to draw"] as const;

export const options = {
  vim: {
    type: "string",
    value: "run",
    required: true,
    positional: true,
    describe: "Run directory of train-vim or import, or a model file",
    group: WHAT,
  },
  out: { type: "string", value: "folder", required: true, alias: "o", describe: "Folder for the images", group: WHAT },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "Tokenizer to decode with; the one the VIM was trained on unless given",
    group: WHAT,
  },
  count: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Images in all, shared evenly among the classes; 10 a class unless given",
    unit: "images",
    group: WHAT,
  },
  classes: {
    type: "strings",
    value: "class",
    describe: "Class by name or number; every class unless given",
    group: WHAT,
  },
  unconditional: { type: "boolean", describe: "Draw without a class", group: WHAT },
  temperature: {
    type: "number",
    min: 0,
    default: 1,
    describe: "Divides the logits; 0 takes the likeliest code",
    group: HOW,
  },
  topK: {
    type: "number",
    integer: true,
    min: 0,
    default: 0,
    describe: "Keep the k likeliest codes, 0 for all",
    group: HOW,
  },
  topP: {
    type: "number",
    above: 0,
    max: 1,
    default: 1,
    describe: "Keep the likeliest codes up to this mass",
    group: HOW,
  },
  rejectWith: {
    type: "string",
    value: "file",
    describe: "Draw more, and keep what this classifier of probe is surest of; probe another VIM than this one for it",
    group: HOW,
  },
  acceptance: {
    type: "number",
    above: 0,
    max: 1,
    default: 0.5,
    describe: "Share of the drawn images that --reject-with keeps, class by class",
    group: HOW,
  },
  seed: {
    type: "number",
    integer: true,
    min: 0,
    max: 2 ** 32 - 1,
    default: 0,
    describe: "Decides every image; image i draws from a stream of its own",
    group: HOW,
  },
  batchSize: { type: "number", integer: true, min: 1, default: 50, describe: "Images drawn together", group: HOW },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of runs that are not finished", group: HOW },
  ...engineOptions,
} as const satisfies OptionTable;

export type SampleConfig = ConfigOf<typeof options>;

export const sample = defineCommand({
  command: "sample",
  describe: "Draw new images, class by class",
  options,
  examples: [
    ["vitvq sample runs/vim --out samples", "10 images of every class, a grid and an index"],
    [
      "vitvq sample runs/vim -o best --reject-with other-probe/classifier.safetensors --acceptance 0.25",
      "of every four images the one that a classifier is surest of",
    ],
    ["vitvq sample runs/vim -o cats --classes cat --count 64 --temperature 0.9", "64 images of one class"],
  ],
  force: true,
  dryRun: true,
  handler: async (context) => (await import("./run/sample.js")).run(context),
});
