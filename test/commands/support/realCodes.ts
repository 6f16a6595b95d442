/** Codes of real images and a VIM that takes them, neither any good, for tests of what comes after. */
import path from "node:path";
import { readModel } from "../../../lib/files/readModel.js";
import { openRun } from "../../../lib/files/runDirectory.js";
import { type VimConfig, vimSpec } from "../../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";
import { rngFrom } from "../../../lib/random.js";
import { fixture } from "../../support.js";
import { smallTokenizer, writeTokenizer } from "./smallTokenizer.js";
import { succeed } from "./training.js";

export const EMOJI = { train: fixture("emoji-mini", "train"), val: fixture("emoji-mini", "val") }; // 5 classes

const model: VimConfig = {
  dim: 16,
  depth: 2,
  heads: 2,
  mlpDim: 32,
  grid: [4, 4],
  vocabulary: smallTokenizer.codebookSize,
  classes: 5,
  positions: "rowcol",
};

export type RealCodes = {
  readonly tokenizer: string;
  readonly vim: string;
  /** Token files, 48 and 12 images of each class. */
  readonly train: string;
  readonly test: string;
};

/** In `folder`: the tokenizer `vq`, the VIM `vim`, `train.safetensors` and `test.safetensors`. */
export async function realCodes(folder: string): Promise<RealCodes> {
  const at = (name: string) => path.join(folder, name);
  const tokenizer = await writeTokenizer(at("vq"));
  const files = { train: at("train.safetensors"), test: at("test.safetensors") };
  await succeed(["encode", EMOJI.train, "-t", tokenizer, "-o", files.train, "--threads", "1"]);
  await succeed(["encode", EMOJI.val, "-t", tokenizer, "-o", files.test, "--threads", "1"]);
  const { hash } = await readModel(tokenizer);
  const run = await openRun(at("vim"), { mode: "new", command: "train-vim" });
  await run.writeConfig({ command: "train-vim", model, tokenizer: { hash } });
  const { normal } = rngFrom(2); // away from the start, where all embeddings are nearly alike
  const weights = Object.entries(initialise(flattenSpecs(vimSpec(model)), 1)).map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.map((value) => value + 0.2 * normal()) }] as const,
  );
  await run.finish(Object.fromEntries(weights), { step: 1 });
  await run.close();
  return { tokenizer, vim: at("vim"), ...files };
}
