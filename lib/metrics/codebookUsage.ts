import { entropyOf } from "./codeEntropy.js";

/** How much of a codebook a set of images uses; shares lie in 0..1. */
export type CodebookUsage = {
  readonly images: number;
  /**
   * The paper's usage: share of the codebook that occurs in a batch of 256 test images, averaged over the batches of the
   * set (Yu et al. 2022, arXiv:2110.04627, section 3.2). It grows with the batch and with the tokens per image, so
   * quote both.
   */
  readonly batchUsage: number;
  /** Images in each batch that was averaged: 256, or all of them if the set is smaller. */
  readonly batchImages: number;
  /** Batches averaged. */
  readonly batches: number;
  /** Images of the last, incomplete batch: left out of `batchUsage`, which they would lower. */
  readonly imagesLeftOut: number;
  /** Share of the codebook that occurs anywhere in the set. */
  readonly setUsage: number;
  /** `exp(entropy of code frequencies)`, 1..K: the size of an evenly used codebook with that entropy. */
  readonly perplexity: number;
};

/** Integer codes as quantizers and token files give them. */
export type Codes = Int32Array | Uint16Array | Uint32Array;

/** Counts codes image by image, in bounded memory. */
export type CodebookUsageCounter = {
  /**
   * Counts the codes of whole images, [images, N] in order.
   * @throws RangeError when a code is outside 0..K-1 or the codes do not divide among the images
   */
  add(codes: Codes, images: number): void;
  /** @throws RangeError when nothing was added */
  result(): CodebookUsage;
};

export type CodebookUsageOptions = { readonly codebookSize: number; readonly batchImages?: number };

/** A counter for a codebook of size K; how the images come in does not matter, batches are cut at every 256th image. */
export function countCodebookUsage({ codebookSize, batchImages = 256 }: CodebookUsageOptions): CodebookUsageCounter {
  const counts = new Float64Array(codebookSize);
  const lastBatch = new Float64Array(codebookSize).fill(-1); // the batch that last used each code
  let images = 0;
  let usedInBatch = 0;
  let usedInFullBatches = 0;

  const addImage = (codes: Codes) => {
    const batch = Math.floor(images / batchImages);
    for (const code of codes) {
      if (!(code >= 0 && code < codebookSize))
        throw new RangeError(`codebook usage: image ${images} has code ${code}, want 0..${codebookSize - 1}`);
      counts[code]!++;
      if (lastBatch[code] !== batch) usedInBatch++;
      lastBatch[code] = batch;
    }
    images++;
    if (images % batchImages !== 0) return;
    usedInFullBatches += usedInBatch;
    usedInBatch = 0;
  };

  return {
    add(codes, count) {
      const tokens = codes.length / count;
      if (!Number.isInteger(tokens) || tokens === 0)
        throw new RangeError(`codebook usage: ${codes.length} codes do not divide among ${count} images`);
      for (let i = 0; i < count; i++) addImage(codes.subarray(i * tokens, (i + 1) * tokens));
    },
    result() {
      if (images === 0) throw new RangeError("codebook usage: no codes were added");
      const full = Math.floor(images / batchImages);
      const used = counts.reduce((total, count) => total + (count > 0 ? 1 : 0), 0);
      return {
        images,
        batchUsage: (full > 0 ? usedInFullBatches / full : usedInBatch) / codebookSize,
        batchImages: Math.min(batchImages, images),
        batches: Math.max(1, full),
        imagesLeftOut: full > 0 ? images % batchImages : 0,
        setUsage: used / codebookSize,
        perplexity: perplexityOf(counts),
      };
    },
  };
}

/** `exp(-sum p log p)` over the frequencies `p` of the counted codes. */
export function perplexityOf(counts: Float64Array): number {
  return Math.exp(entropyOf(counts));
}
