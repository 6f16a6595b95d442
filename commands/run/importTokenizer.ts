/** A tokenizer of another program as one of ours. */
import { UsageError } from "../../lib/errors.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import { LAYOUTS, type TokenizerLayout } from "../../lib/models/foreign/layouts.js";
import { foreignTokenizer } from "../../lib/models/foreign/tokenizer.js";
import { type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import { underPrefix } from "../../lib/train/named.js";
import { formatCount, formatInteger } from "../../lib/ui/format.js";
import { type Config, type Found, type Imported, readOwn } from "./imported.js";

/**
 * Reads the tensors and makes a tokenizer of them.
 * @throws UsageError when sizes that were given do not fit the shapes, which is the options' fault
 */
export async function importTokenizer(config: Config, found: Found<TokenizerLayout>): Promise<Imported> {
  const named = await readOwn(found);
  const { layout } = found;
  try {
    const { model, tensors } = foreignTokenizer(named, {
      layout,
      source: config.file,
      ...(config.headDim ? { headDim: headWidths(config.headDim) } : {}),
      ...(config.imageSize === undefined ? {} : { imageSize: config.imageSize }),
      ...(config.groups === undefined ? {} : { groups: config.groups }),
    });
    const facts = { tokenizer: weightsHash(tensors), ...factsOf(model) };
    return { model, tensors, facts, text: inWords(layout, model), advice: [] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--image-size, --groups: ${config.file} wants others: ${error.message}`, { cause: error });
  }
}

function headWidths(widths: readonly number[]): { encoder: number; decoder: number } {
  const [encoder, decoder = encoder, ...more] = widths;
  if (encoder === undefined || decoder === undefined || more.length > 0)
    throw new UsageError(`--head-dim: want one width, or two for encoder and decoder, got ${widths.length}`);
  return { encoder, decoder };
}

function factsOf(model: TokenizerConfig) {
  const { imageSize, channels, codebookSize, codeDim } = model;
  const { grid } = tokenizerOf(model);
  return { parameters: parametersOf(model), imageSize, channels, grid, codebookSize, codeDim };
}

function parametersOf(model: TokenizerConfig) {
  const all = flattenSpecs(tokenizerOf(model).spec);
  const [encoder, decoder] = [underPrefix("encoder/", all), underPrefix("decoder/", all)];
  return { model: countParameters(all), encoder: countParameters(encoder), decoder: countParameters(decoder) };
}

function inWords(layout: TokenizerLayout, model: TokenizerConfig): string {
  const counts = parametersOf(model);
  const [rows, columns] = tokenizerOf(model).grid;
  return (
    `${LAYOUTS[layout].title}, ${formatCount(counts.model)} parameters (encoder ${formatCount(counts.encoder)}, ` +
    `decoder ${formatCount(counts.decoder)}); images of ${model.imageSize} x ${model.imageSize} pixels become ` +
    `${rows} x ${columns} codes of ${formatInteger(model.codebookSize)}`
  );
}
