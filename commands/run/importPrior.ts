/** A stage 2 of another program as a VIM of ours. */
import path from "node:path";
import { FileError, UsageError } from "../../lib/errors.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import type { WeightsFile } from "../../lib/files/weightsFile.js";
import { LAYOUTS } from "../../lib/models/foreign/layouts.js";
import { fromPortPrior } from "../../lib/models/foreign/portPrior.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import { formatCount, formatInteger } from "../../lib/ui/format.js";
import { expectSizes, type LoadedModel, loadTokenizer } from "../support/models.js";
import { type Config, type Found, type Imported, readOwn } from "./imported.js";

/** Where a checkpoint of the port's stage 2 keeps the tokenizer. */
const STAGE_1 = "stage1_model";
const CODEBOOK = `${STAGE_1}.quantizer.embedding.weight`;

/**
 * Reads the tensors and makes a VIM of them.
 * @throws UsageError when the number of heads is not given or does not fit
 * @throws FileError when the tokenizer named makes other codes than those that the file's model was trained on
 */
export async function importPrior(config: Config, found: Found<"enhancing-gpt">): Promise<Imported> {
  const { file } = found;
  if (config.heads === undefined)
    throw new UsageError(
      `--heads: ${file.path} does not tell the number of attention heads of its GPT; give n_heads of its configuration`,
    );
  const { model, tensors } = prior(await readOwn(found), { source: file.path, heads: config.heads });
  const tokenizer = config.tokenizer === undefined ? undefined : await loadTokenizer(config.tokenizer);
  if (tokenizer) {
    expectSizes(model, tokenizer);
    await expectCodebook(file, tokenizer);
  }
  const stored = tokenizer ? { tokenizer: tokenizerFacts(config.tokenizer!, tokenizer) } : {};
  const facts = { vim: weightsHash(tensors), ...factsOf(model), tokenizer: tokenizer?.hash ?? null };
  return { model, tensors, stored, facts, text: inWords(model), advice: tokenizer ? [] : [adviceFor(file)] };
}

function prior(...[named, options]: Parameters<typeof fromPortPrior>) {
  try {
    return fromPortPrior(named, options);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--${error.message}`, { cause: error });
    throw error;
  }
}

/** Its codebook must be the one in the file, if there is one: stage 2 leaves stage 1 as it was. */
async function expectCodebook(file: WeightsFile, { weights, stored }: LoadedModel<TokenizerConfig>): Promise<void> {
  if (!file.tensors.has(CODEBOOK)) return;
  const { data } = await file.read(CODEBOOK);
  const own = weights["quantizer/codebook"]!.data;
  if (data.length === own.length && data.every((value, i) => value === own[i])) return;
  throw new FileError(
    `${stored.file}: its codebook is not the one in ${file.path} (${CODEBOOK}); ` +
      `import that tokenizer with --prefix ${STAGE_1}`,
  );
}

/** As token files and the runs of train-vim name a tokenizer. */
function tokenizerFacts(run: string, { model, hash }: LoadedModel<TokenizerConfig>) {
  const [imageSize, channels] = [String(model.imageSize), String(model.channels)];
  return { hash, imageSize, channels, tokenizer: path.resolve(run) };
}

function adviceFor(file: WeightsFile): string {
  if (!file.tensors.has(CODEBOOK)) return "its tokenizer is not in the file: name the run to `sample` with --tokenizer";
  return `its tokenizer is in the file, too: import it with --prefix ${STAGE_1}, then name that run with --tokenizer`;
}

function factsOf(model: VimConfig) {
  const { dim, depth, heads, grid, vocabulary, classes } = model;
  return { parameters: { model: parametersOf(model) }, dim, depth, heads, grid, vocabulary, classes };
}

const parametersOf = (model: VimConfig): number => countParameters(flattenSpecs(vimSpec(model)));

function inWords(model: VimConfig): string {
  const { dim, depth, heads, grid, vocabulary, classes } = model;
  return (
    `${LAYOUTS["enhancing-gpt"].title}, ${formatCount(parametersOf(model))} parameters (${depth} blocks x ${dim}, ` +
    `${heads} heads); ${grid.join(" x ")} codes of ${formatInteger(vocabulary)} for each of ${formatInteger(classes)} classes`
  );
}
