import { GUIDANCE_SCHEDULES } from "../lib/sample/guidance.js";
import { defineCommand } from "./support/command.js";
import type { ConfigOf, OptionTable } from "./support/options.js";
import { dataOptions, engineOptions } from "./support/tables.js";

const [WHAT, HOW, COMPLETION] = ["What to draw", "How to draw", "Completing images"] as const;

/** Images that are drawn in one call: all of them are planned before the first. */
export const MOST_IMAGES = 10_000_000;

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
    describe: "Tokenizer whose codes the VIM draws; where it was when the VIM was trained unless given",
    group: WHAT,
  },
  decoder: {
    type: "string",
    value: "run",
    describe: "Another tokenizer to decode with, of the same codebook; see --freeze-encoder of train-vq",
    group: WHAT,
  },
  tokensOut: {
    type: "string",
    value: "file",
    describe: "Also write the codes of the images, a token file with their classes",
    group: WHAT,
  },
  count: {
    type: "number",
    integer: true,
    min: 1,
    max: MOST_IMAGES,
    describe: "Images in all, shared evenly among the classes; 10 a class unless given",
    unit: "images",
    group: WHAT,
  },
  classes: {
    type: "strings",
    value: "class",
    describe: "Class by name or number; every class unless given, and of images to complete their own",
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
  classFilter: {
    type: "strings",
    value: "class:setting,...",
    describe: "Another temperature, top-k or top-p for a class, as in boot:temperature=0.8,top-k=50",
    group: HOW,
  },
  guidance: {
    type: "number",
    value: "S",
    min: 0,
    default: 1,
    describe: "Classifier-free guidance: logits = without class + S (with class - without class), 1 for none",
    group: HOW,
  },
  guidanceSchedule: {
    type: "string",
    choices: GUIDANCE_SCHEDULES,
    default: "constant",
    describe: "S at every code, or on a line or a cosine from 1 at the first to S at the last",
    group: HOW,
  },
  rejectWith: {
    type: "string",
    value: "file",
    describe:
      "Draw more, and keep what this classifier is surest of: one of probe (probe another VIM than this one for it), " +
      "or an .onnx file that takes images",
    group: HOW,
  },
  rejectVim: {
    type: "string",
    value: "run",
    describe: "The VIM that the classifier of --reject-with was fitted to, if no longer where it was",
    group: HOW,
  },
  classifierSpec: {
    type: "string",
    value: "file",
    describe:
      "JSON that says how images become the input of an .onnx classifier (mean, std, range, size, resize, kernel, " +
      "layout) and which output is which class (classNames or classIndex); model.json beside model.onnx unless given",
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
  seeds: {
    type: "numbers",
    integer: true,
    min: 0,
    max: 2 ** 32 - 1,
    describe:
      "Draw images again, not completions, that have these seeds in an index.json, with --classes once or once for each",
    group: HOW,
  },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    describe:
      "Images drawn together, which changes none of them; as many as fit into half of the free memory unless given",
    group: HOW,
  },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of runs that are not finished", group: HOW },
  complete: {
    type: "string",
    value: "path",
    describe: "Class folders, a folder, an image or an IDX file: their upper rows are kept, the rest is drawn",
    group: COMPLETION,
  },
  keep: {
    type: "number",
    above: 0,
    below: 1,
    default: 0.5,
    describe: "Share of the rows of codes to keep, rounded, at least one and not all",
    group: COMPLETION,
  },
  ways: {
    type: "number",
    integer: true,
    min: 1,
    max: 1000,
    default: 4,
    describe: "Completions of an image",
    group: COMPLETION,
  },
  limit: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Complete only so many of the images, spread over the set",
    unit: "images",
    group: COMPLETION,
  },
  labels: { ...dataOptions.labels, group: COMPLETION },
  strict: { ...dataOptions.strict, group: COMPLETION },
  resize: {
    type: "string",
    choices: ["cover", "squash"],
    describe: "cover keeps proportions and crops, squash distorts; as in training unless given",
    group: COMPLETION,
  },
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
    [
      "vitvq sample runs/vim -o guided --guidance 2 --guidance-schedule linear",
      "images that show their class more clearly",
    ],
    [
      "vitvq sample runs/vim -o completed --complete images/val --limit 10 --ways 6",
      "six endings of each of ten images, whose upper half is kept",
    ],
    ["vitvq sample runs/vim -o cats --classes cat --count 64 --temperature 0.9", "64 images of one class"],
    ["vitvq sample runs/vim -o again --classes cat --seeds 1093445423", "one image again, by its seed in index.json"],
  ],
  force: true,
  dryRun: true,
  idle: async () => (await import("./run/sampleIdleOptions.js")).SAMPLE_RULES,
  handler: async (context) => (await import("./run/sample.js")).run(context),
});
