/** What a network sees in a set of images, one batch in memory at a time. */

import { createHash } from "node:crypto";
import { sequentialBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { DataError } from "../../lib/errors.js";
import { bytesOf } from "../../lib/files/bytes.js";
import { joinedFloats } from "../../lib/floats.js";
import { countMoments, type Moments } from "../../lib/metrics/featureMoments.js";
import type { InceptionScore } from "../../lib/metrics/inceptionScore.js";
import { summarized } from "./evaluateFeatures.js";
import type { Reading } from "./neighbourSearch.js";

/** A network by whose features images are compared. */
export type Eye = {
  /** Width of its features. */
  readonly dim: number;
  /** Features [N, dim] of images [N, H, W, C] in [0, 1]; of a classifier also its logits without bias. */
  see(images: Float32Array): Promise<{ readonly pooled: Float32Array; readonly logits?: Float32Array }>;
};

export type Seen = {
  readonly moments: Moments;
  /** Only by a classifier. */
  readonly inceptionScore: InceptionScore | undefined;
  /** SHA-256 over the pixels of all images in their order. */
  readonly pixels: string;
  /** Features of the images that are to have neighbours, [rows, dim]. */
  readonly rows: Float32Array;
};

export type LookOptions = {
  readonly eye: Eye;
  readonly reading: Reading;
  /** Told how many images of each batch were seen. */
  readonly onProgress?: (images: number) => void;
  /** Places in the source whose features are kept; default: all. */
  readonly kept?: ReadonlySet<number>;
};

/**
 * Features of all images of a source that are not damaged.
 * @throws DataError when there are fewer than two
 */
export async function lookAt(source: ImageSource, { eye, reading, onProgress, kept }: LookOptions): Promise<Seen> {
  const counter = countMoments(eye.dim);
  const digest = createHash("sha256");
  const [rows, logitParts]: [Float32Array[], Float32Array[]] = [[], []];
  let count = 0;
  for await (const { images, indices } of batchesOf(source, reading)) {
    digest.update(bytesOf(images));
    const { pooled, logits } = await eye.see(images);
    counter.add(pooled);
    if (logits) logitParts.push(logits);
    if (!kept) rows.push(pooled);
    for (const [b, index] of indices.entries())
      if (kept?.has(index)) rows.push(pooled.slice(b * eye.dim, (b + 1) * eye.dim));
    count += indices.length;
    onProgress?.(indices.length);
  }
  if (count < 2) throw new DataError(`${source.path}: want at least two images to compare by features, got ${count}`);
  const moments = counter.result();
  const { inceptionScore } =
    logitParts.length > 0 ? summarized({ moments, logits: joinedFloats(logitParts) }) : { inceptionScore: undefined };
  return { moments, inceptionScore, pixels: digest.digest("hex"), rows: joinedFloats(rows) };
}

/** SHA-256 over the pixels of all images, as `lookAt` has it. */
export async function hashPixels(source: ImageSource, { reading, onProgress }: Omit<LookOptions, "eye" | "kept">) {
  const digest = createHash("sha256");
  for await (const { images, indices } of batchesOf(source, reading)) {
    digest.update(bytesOf(images));
    onProgress?.(indices.length);
  }
  return digest.digest("hex");
}

/** Damaged images are passed over without a word: those who read the pixels before have told of them. */
function batchesOf(source: ImageSource, { size, channels, resize, onDamaged: _, ...reading }: Reading) {
  const view = { size, channels };
  return sequentialBatches({ ...reading, source, view, place: () => centredView(view, resize) });
}
