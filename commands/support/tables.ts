/** Options that several commands share. */
import type { OptionTable } from "./options.js";

const ENGINE = "Engine";
const RUN = "Run";
const OPTIMIZER = "Optimizer";

export const engineOptions = {
  engine: {
    type: "string",
    choices: ["onnxruntime", "tensorflow"],
    default: "onnxruntime",
    describe: "What computes; `vitvq doctor` says what is here",
    group: ENGINE,
  },
  device: {
    type: "string",
    choices: ["cpu", "webgpu", "cuda"],
    default: "cpu",
    describe:
      "Where it computes; webgpu is any GPU with Vulkan, Metal or Direct3D 12, cuda (never tried yet) one of NVIDIA's after " +
      "npm run cuda:install",
    group: ENGINE,
  },
  precision: {
    type: "string",
    choices: ["float32", "float16"],
    default: "float32",
    describe: "What matrix products multiply, with --device webgpu; sums, weights and all else stay float32",
    group: ENGINE,
  },
  threads: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Threads to compute with, one a core unless given",
    group: ENGINE,
  },
  spin: {
    type: "boolean",
    describe: "Idle threads wait busily within a step: faster on a machine of its own, slower beside other programs",
    group: ENGINE,
  },
} as const satisfies OptionTable;

export const dataOptions = {
  labels: { type: "string", value: "file", describe: "IDX file of labels, if not beside the images", group: "Data" },
  strict: { type: "boolean", describe: "Stop at the first damaged image instead of leaving it out", group: "Data" },
  resize: {
    type: "string",
    choices: ["cover", "squash"],
    default: "cover",
    describe: "cover keeps proportions and crops, squash distorts",
    group: "Data",
  },
} as const satisfies OptionTable;

export const augmentOptions = {
  crop: {
    type: "string",
    choices: ["center", "random"],
    default: "center",
    describe: "Which square of a larger image is taken",
    group: "Data",
  },
  cropScale: {
    type: "numbers",
    length: 2,
    min: 1,
    max: 8,
    default: [1, 1],
    describe: "Shorter side before a random crop, in image sizes; 1.125,1.5 is DALL-E's",
    group: "Data",
  },
  flip: { type: "boolean", describe: "Mirror images at random", group: "Data" },
} as const satisfies OptionTable;

export const seedOption = {
  type: "number",
  integer: true,
  min: 0,
  max: 2 ** 32 - 1,
  default: 0,
  describe: "Decides everything random",
} as const;

export const trainingOptions = {
  out: {
    type: "string",
    alias: "o",
    value: "folder",
    required: true,
    describe: "Run directory to train in",
    group: RUN,
  },
  steps: {
    type: "number",
    integer: true,
    min: 1,
    default: 10_000,
    describe: "Updates to do",
    unit: "steps",
    group: RUN,
  },
  batchSize: { type: "number", integer: true, min: 1, default: 16, describe: "Images in an update", group: RUN },
  accumulate: {
    type: "number",
    integer: true,
    min: 1,
    default: 1,
    describe: "Parts of a batch computed one after the other, for less memory",
    group: RUN,
  },
  lanes: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Parts of those computed side by side, for less time; chosen by model and machine unless given",
    group: RUN,
  },
  recompute: {
    type: "boolean",
    describe: "Compute blocks again for the gradient instead of keeping them: less memory, more time",
    group: RUN,
  },
  seed: { ...seedOption, group: RUN },
  logEvery: {
    type: "number",
    integer: true,
    min: 1,
    default: 50,
    describe: "Steps between lines of progress",
    group: RUN,
  },
  checkpointEvery: {
    type: "number",
    integer: true,
    min: 1,
    default: 500,
    describe: "Steps between checkpoints",
    group: RUN,
  },
  checkpointMinutes: {
    type: "number",
    min: 0,
    default: 30,
    describe: "Minutes after which there is a checkpoint, however few steps there were; 0 for steps alone",
    group: RUN,
  },
  keep: { type: "number", integer: true, min: 1, default: 2, describe: "Checkpoints to keep", group: RUN },
  patience: {
    type: "number",
    integer: true,
    min: 1,
    default: 10,
    describe: "Steps in a row that may be skipped for numbers that are not finite before the run ends with exit code 5",
    group: RUN,
  },
  clip: { type: "number", min: 0, default: 1, describe: "Largest gradient norm, 0 for no clipping", group: OPTIMIZER },
  ema: {
    type: "number",
    min: 0,
    below: 1,
    default: 0.999,
    describe: "Decay of the moving average of the weights that is used in the end, 0 for none",
    group: OPTIMIZER,
  },
} as const satisfies OptionTable;

/** Options a resumed run may set anew: they do not touch what was computed before, or say where what it works on is now. */
export const RESUMABLE = [
  "out",
  "data",
  "steps",
  "logEvery",
  "checkpointEvery",
  "checkpointMinutes",
  "keep",
  "patience",
  "engine",
  "device",
  "precision",
  "threads",
  "spin",
] as const;
