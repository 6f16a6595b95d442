/** How many images are drawn, or decoded, together: as many as fit into memory and make it faster. */
import { evenBatch } from "../engine/evenBatch.js";
import { stepCost } from "../engine/stepCost.js";
import type { TensorSpec } from "../engine/types.js";
import { codesPerImage, type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";
import { sequenceLength, type VimConfig } from "../models/vim.js";
import { flattenSpecs } from "../nn/params.js";

/**
 * Bytes that one sequence takes while it is drawn: keys and values `2 depth T dim` of its cache, the newest of them as
 * results of this step and of the one before, logits and attention of the last position; with S given codes the first pass,
 * too, its caches and the scores `heads (S + 1)^2` of a block twice; 4 bytes each.
 * @param passes rows of the batch that a sequence needs: 2 with classifier-free guidance
 * @param prefixLength S
 */
export function bytesPerSequence(model: VimConfig, { passes = 1, prefixLength: S = 0 } = {}): number {
  const { depth, dim, heads, mlpDim, vocabulary } = model;
  const T = sequenceLength(model);
  const cache = 2 * depth * T * dim;
  const results = 2 * (2 * depth * dim + vocabulary);
  const step = 3 * heads * T + 4 * dim + 2 * mlpDim + vocabulary; // buffers are used again from block to block
  const first = S === 0 ? 0 : (S + 1) * (2 * depth * dim + 8 * dim + 2 * mlpDim) + 2 * heads * (S + 1) ** 2;
  return 4 * passes * (cache + results + Math.max(step, first));
}

/** Bytes that decoding one image takes at its peak, told from the decoder's graph. */
export function bytesPerDecoded(model: TokenizerConfig): number {
  const params = Object.entries(flattenSpecs(tokenizerOf(model).spec)).map(
    ([name, { shape }]): [string, TensorSpec] => [name, { dtype: "float32", shape }],
  );
  const codes: TensorSpec = { dtype: "int32", shape: [1, codesPerImage(model)] };
  const { peakBytes } = stepCost((inputs) => ({ images: tokenizerOf(model).decodeCodes(inputs, inputs["codes"]!) }), {
    name: "decode",
    inputs: { ...Object.fromEntries(params), codes },
  });
  return peakBytes;
}

export type Room = {
  /** Bytes that one image takes. */
  readonly bytesEach: number;
  /** Bytes that may be used. */
  readonly bytes: number;
  /** Images in all. */
  readonly images: number;
  /** More than this many are no faster. */
  readonly most: number;
};

/** Images in a batch, at least 1, of batches as equal as may be. */
export function fittingBatch({ bytesEach, bytes, images, most }: Room): number {
  return evenBatch(images, Math.min(most, Math.floor(bytes / bytesEach)));
}
