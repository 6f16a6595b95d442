/** Decoders of other tokenizers than the one that made the codes. */
import { FileError, UsageError } from "../../lib/errors.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import { codeGrid, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import { underPrefix } from "../../lib/train/named.js";
import { type LoadedModel, type LoadOptions, loadTokenizer } from "../support/models.js";

/**
 * The tokenizer in `path` to decode with, or the one that made the codes where none is given.
 * @throws UsageError when it is that one
 * @throws FileError when its decoder learned to read other codes
 */
export async function loadDecoder(
  path: string | undefined,
  tokenizer: LoadedModel<TokenizerConfig>,
  options?: LoadOptions,
): Promise<LoadedModel<TokenizerConfig>> {
  if (path === undefined) return tokenizer;
  const decoder = await loadTokenizer(path, options);
  expectSameCodebook(tokenizer, decoder);
  if (decoder.hash !== tokenizer.hash) return decoder;
  throw new UsageError(`--decoder: changes nothing here; ${path} is the tokenizer that made the codes. Leave it out`);
}

/**
 * A code means its codeword and its place, so both tokenizers must have the same grid and, to the bit, the same
 * `quantizer/*`; their encoders may differ.
 * @throws FileError when they have not
 */
export function expectSameCodebook(
  tokenizer: LoadedModel<TokenizerConfig>,
  decoder: LoadedModel<TokenizerConfig>,
): void {
  const [want, got] = [sizesOf(tokenizer.model), sizesOf(decoder.model)];
  const advice = "a decoder for these codes comes of `vitvq train-vq --freeze-encoder` with their tokenizer";
  if (want !== got)
    throw new FileError(`${decoder.stored.file}: want a decoder of ${want}, got one of ${got}; ${advice}`);
  const [made, read] = [tokenizer, decoder].map(({ weights }) => weightsHash(underPrefix("quantizer/", weights)));
  if (made === read) return;
  throw new FileError(
    `${decoder.stored.file}: its codebook (quantizer/*: ${read!.slice(0, 12)}) is not the one of ` +
      `${tokenizer.stored.file} (${made!.slice(0, 12)}), so the codes mean other things to it; ${advice}`,
  );
}

function sizesOf(model: TokenizerConfig): string {
  const { imageSize, channels, codebookSize, codeDim, codeDepth = 1, l2Norm } = model;
  const [rows, columns] = codeGrid(model);
  const several = codeDepth > 1 ? `, ${codeDepth} a token` : "";
  return `${imageSize}x${imageSize}x${channels} images from ${rows} x ${columns} codes of ${codebookSize}${several}, width ${codeDim}${l2Norm ? ", normalised" : ""}`;
}
