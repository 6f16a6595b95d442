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
    choices: ["auto", "enhancing", "taming"],
    default: "auto",
    describe:
      "Whose names the tensors have: enhancing-transformers' (ViT-VQGAN) or taming-transformers' (VQGAN); auto looks",
  },
  prefix: {
    type: "string",
    value: "name",
    describe: "Only tensors below this name, such as first_stage_model in a checkpoint of both stages",
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
  imageSize: {
    type: "number",
    integer: true,
    min: 1,
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

export const importTokenizer = defineCommand({
  command: "import",
  describe: "Turn a ViT-VQGAN or VQGAN trained with PyTorch into a tokenizer for the other commands",
  options,
  examples: [
    ["vitvq import imagenet_vitvq_small.ckpt --out runs/vitvq-small", "published weights; then encode, evaluate, ..."],
    ["vitvq import last.ckpt --out runs/vqgan --dry-run --json", "whose it is, its sizes and what would be left out"],
  ],
  dryRun: true,
  force: true,
  handler: async (context) => (await import("./run/import.js")).run(context),
});
