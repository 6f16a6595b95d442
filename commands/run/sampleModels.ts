/** The models of `sample`: a VIM, the tokenizer that its codes belong to, and what decodes them. */
import { existsSync } from "node:fs";
import { FileError, UsageError } from "../../lib/errors.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { SampleConfig } from "../sample.js";
import { expectSizes, type LoadedModel, type LoadOptions, loadTokenizer, loadVim } from "../support/models.js";
import { loadDecoder } from "./otherDecoder.js";

export type SampleModels = {
  readonly vim: LoadedModel<VimConfig>;
  /** Its codes are the VIM's; with where it was found. */
  readonly tokenizer: LoadedModel<TokenizerConfig> & { readonly path: string };
  /** The tokenizer, or another one of the same codebook. */
  readonly decoder: LoadedModel<TokenizerConfig>;
};

/** Loads them; throws where one is missing, damaged, or does not belong to the others. */
export async function loadModels(
  { vim: run, checkpoint, ...given }: SampleConfig,
  warn: LoadOptions["warn"],
): Promise<SampleModels> {
  const options = { checkpoint, warn };
  const vim = await loadVim(run, options);
  const path = tokenizerPath(vim, given.tokenizer);
  const tokenizer = await loadTokenizer(path, options);
  expectSameCodes(vim, tokenizer);
  const decoder = await loadDecoder(given.decoder, tokenizer, options);
  return { vim, tokenizer: { ...tokenizer, path }, decoder };
}

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

/** The tokenizer must have the codebook and grid the VIM was trained on; an imported VIM may know no more than their sizes. */
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
