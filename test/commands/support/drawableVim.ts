/** A VIM and a tokenizer that `sample` can draw from, with random weights and two classes. */
import path from "node:path";
import { readModel } from "../../../lib/files/readModel.js";
import { openRun } from "../../../lib/files/runDirectory.js";
import { type VimConfig, vimSpec } from "../../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";
import { smallTokenizer, writeTokenizer } from "./smallTokenizer.js";

const model: VimConfig = {
  dim: 16,
  depth: 2,
  heads: 2,
  mlpDim: 32,
  grid: [4, 4],
  vocabulary: smallTokenizer.codebookSize,
  classes: 2,
  positions: "rowcol",
};

/** In `folder`: the tokenizer `vq`, and the VIM `vim` of its codes with the classes "bag" and "boot". */
export async function drawableVim(folder: string): Promise<{ vim: string; tokenizer: string }> {
  const tokenizer = await writeTokenizer(path.join(folder, "vq"));
  const vim = path.join(folder, "vim");
  const { hash } = await readModel(tokenizer);
  const run = await openRun(vim, { mode: "new", command: "train-vim" });
  const data = { classNames: ["bag", "boot"] };
  await run.writeConfig({ command: "train-vim", model, data, tokenizer: { hash, tokenizer } });
  await run.finish(initialise(flattenSpecs(vimSpec(model)), 1), { step: 1 });
  await run.close();
  return { vim, tokenizer };
}
