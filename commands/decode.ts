import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { engineOptions } from "./support/tables.js";

/** Whether `--out` names a picture, which a grid goes into, and no folder. */
export const isPicture = (out: string): boolean => out.toLowerCase().endsWith(".png");

export const options = {
  tokens: { type: "string", value: "file", required: true, positional: true, describe: "Token file" },
  tokenizer: {
    type: "string",
    value: "run",
    alias: "t",
    describe: "Tokenizer that made the codes; where it was then unless given",
  },
  decoder: {
    type: "string",
    value: "run",
    describe: "Another tokenizer to decode with, of the same codebook; see --freeze-encoder of train-vq",
  },
  out: {
    type: "string",
    value: "path",
    required: true,
    alias: "o",
    describe: "Folder for one PNG an image, or a .png file for one grid",
  },
  from: { type: "number", integer: true, min: 0, default: 0, describe: "First row to decode" },
  limit: {
    type: "number",
    integer: true,
    min: 1,
    describe: "Rows to decode; all unless given (64 for a grid)",
    unit: "images",
  },
  columns: { type: "number", integer: true, min: 1, default: 8, describe: "Columns of the grid" },
  batchSize: {
    type: "number",
    integer: true,
    min: 1,
    default: 32,
    describe: "Most images decoded together; a processor takes as many as are fastest",
  },
  checkpoint: { type: "boolean", describe: "Use the newest checkpoint of a run that is not finished" },
  ...engineOptions,
} as const satisfies OptionTable;

export const decode = defineCommand({
  command: "decode",
  describe: "Turn a token file back into PNGs or one picture",
  options,
  examples: [
    ["vitvq decode photos.safetensors --out decoded.png", "the first 64 images in one grid"],
    ["vitvq decode photos.safetensors --out decoded/", "every image as a PNG of its own"],
  ],
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).DECODE_RULES,
  handler: async (context) => (await import("./run/decode.js")).run(context),
});
