/** The tokenizer that a VIM's codes belong to. */
import { existsSync } from "node:fs";
import { FileError, UsageError } from "../../lib/errors.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { VimConfig } from "../../lib/models/vim.js";
import { expectSizes, type LoadedModel } from "../support/models.js";

/** @throws UsageError when none is given and the model's own is unknown or gone */
export function tokenizerPath({ stored }: LoadedModel<VimConfig>, given: string | undefined): string {
  const { tokenizer } = (stored.config["tokenizer"] ?? {}) as { tokenizer?: string };
  const found = given ?? tokenizer;
  if (found === undefined)
    throw new UsageError("--tokenizer: the model does not say where its tokenizer is; name the run");
  if (given === undefined && !existsSync(found))
    throw new UsageError(`--tokenizer: ${found}, where the model's tokenizer was, is gone; name the run`);
  return found;
}

/** The decoder must have the codebook and grid the VIM was trained on; an imported VIM may know no more than their sizes. */
export function expectSameCodes(
  { stored, model }: LoadedModel<VimConfig>,
  tokenizer: LoadedModel<TokenizerConfig>,
): void {
  const { hash } = (stored.config["tokenizer"] ?? {}) as { hash?: string };
  const knows = hash !== undefined || stored.config.command !== "import";
  if (!knows) expectSizes(model, tokenizer);
  if (!knows || hash === tokenizer.hash) return;
  throw new FileError(
    `${tokenizer.stored.file}: its weights (${tokenizer.hash.slice(0, 12)}) are not those that made the codes this VIM ` +
      `of ${model.vocabulary} codes learned (${hash?.slice(0, 12)}); name the right run with --tokenizer`,
  );
}
