import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";

export const options = {
  run: {
    type: "string",
    value: "run",
    required: true,
    positional: true,
    describe: "Run directory of train-vq or import, or a model file",
  },
  out: { type: "string", value: "folder", required: true, alias: "o", describe: "Folder for the files and model.json" },
  format: {
    type: "string",
    choices: ["onnx", "safetensors", "all"],
    default: "all",
    describe: "onnx: encoder, quantizer and decoder for any ONNX runtime; safetensors: the weights for PyTorch",
  },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    max: 2 ** 16,
    default: 1,
    describe: "Images that the ONNX files take at a time; it is built into them",
  },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of a run that is not finished" },
} as const satisfies OptionTable;

export const exportTokenizer = defineCommand({
  command: "export",
  describe: "Write a tokenizer as ONNX files for other runtimes and safetensors for PyTorch",
  options,
  examples: [
    [
      "vitvq export runs/vq --out exported",
      "encoder.onnx, quantizer.onnx, decoder.onnx, model.safetensors, model.json",
    ],
    ["vitvq export runs/vq --out exported --format onnx --batch-size 8", "graphs for batches of eight images"],
  ],
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).EXPORT_RULES,
  handler: async (context) => (await import("./run/export.js")).run(context),
});
