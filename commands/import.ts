import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";

const MODEL = "What the file does not tell";

export const options = {
  file: {
    type: "string",
    value: "file",
    required: true,
    positional: true,
    describe: "Checkpoint of PyTorch (.ckpt, .pt, .pth) or .safetensors file; it is read as data, nothing in it is run",
  },
  out: { type: "string", value: "folder", required: true, alias: "o", describe: "Run directory to write" },
  layout: {
    type: "string",
    choices: ["auto", "enhancing", "enhancing-gpt", "taming"],
    default: "auto",
    describe:
      "Whose names the tensors have: enhancing-transformers' (ViT-VQGAN, or its GPT over codes) or taming-transformers' " +
      "(VQGAN); auto looks",
  },
  prefix: {
    type: "string",
    value: "name",
    describe: "Only tensors below this name, such as stage1_model in a checkpoint of both stages",
  },
  ignore: {
    type: "strings",
    value: "name",
    describe: "Beginning of names that may be left out although they lie within the model; once for each",
  },
  headDim: {
    type: "numbers",
    integer: true,
    min: 1,
    describe: "enhancing: width of the attention heads, 64 unless given; two where encoder and decoder differ",
    group: MODEL,
  },
  heads: {
    type: "number",
    integer: true,
    min: 1,
    describe: "enhancing-gpt, and needed for it: number of attention heads",
    group: MODEL,
  },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "enhancing-gpt: run of its tokenizer, which sample then decodes with",
    group: MODEL,
  },
  imageSize: {
    type: "number",
    integer: true,
    min: 1,
    max: 2 ** 14,
    describe: "taming: side of the images, 256 unless given",
    unit: "pixels",
    group: MODEL,
  },
  groups: {
    type: "number",
    integer: true,
    min: 1,
    describe: "taming: groups of the group norms, 32 unless given",
    group: MODEL,
  },
} as const satisfies OptionTable;

export const importModel = defineCommand({
  command: "import",
  describe: "Turn a model trained with PyTorch, stage 1 or 2, into a run for the other commands",
  options,
  examples: [
    ["vitvq import imagenet_vitvq_small.ckpt --out runs/vitvq-small", "published weights; then encode, evaluate, ..."],
    ["vitvq import last.ckpt --out runs/vqgan --dry-run --json", "whose it is, its sizes and what would be left out"],
    ["vitvq import both.ckpt --prefix stage1_model --out runs/vq", "from a checkpoint of both stages: the tokenizer"],
    ["vitvq import both.ckpt --out runs/vim --heads 16 --tokenizer runs/vq", "and the GPT; then sample, probe"],
  ],
  dryRun: true,
  force: true,
  handler: async (context) => (await import("./run/import.js")).run(context),
});
