/** Nearest neighbours in a set of images that need not fit in memory: a part of it at a time. */
import { type SequentialOptions, sequentialBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { centredView, type View } from "../../lib/data/view.js";
import { indexReferences } from "../../lib/metrics/nearestNeighbour.js";
import { toBytes } from "../support/images.js";

/** How images are read: all alike, so that their pixels can be compared. */
export type Reading = Pick<SequentialOptions, "strict" | "onDamaged" | "batchSize"> & {
  readonly size: number;
  readonly channels: 1 | 3;
  readonly resize: View["resize"];
};

/** Images in memory. */
export type Loaded = {
  /** [count, size, size, channels]. */
  readonly pixels: Uint8Array;
  /** Places in the source, [count]; damaged images are missing. */
  readonly indices: Int32Array;
  readonly damaged: number;
};

/** Reads the first `limit` images of a source. */
export async function loadImages(source: ImageSource, reading: Reading, limit = source.count): Promise<Loaded> {
  const parts: Loaded[] = [];
  const damaged = await eachPart(source, { ...reading, limit, partImages: source.count }, async (part) => {
    parts.push(part);
  });
  const [whole = { pixels: new Uint8Array(), indices: new Int32Array(), damaged: 0 }] = parts;
  return { ...whole, damaged };
}

export type Found = {
  /** Place of the nearest reference in its source, for each query of each set. */
  readonly indices: Int32Array;
  /** Root mean square of the pixel gaps to it, pixels in [0, 1]. */
  readonly distances: Float64Array;
};

export type SearchOptions = {
  readonly references: ImageSource;
  readonly reading: Reading;
  /** Told how many references have been compared so far. */
  readonly onProgress?: (references: number) => void;
  /** Bytes of references in memory at once; default 64 MiB. */
  readonly partBytes?: number;
};

/**
 * The nearest of all references for each query, `argmin_r |q - r|` over raw pixels, the first of equally near ones.
 * @param queries sets of images [*, size, size, channels], each answered on its own
 * @returns what was found for each set, and how many references were damaged
 */
export async function searchNearest(
  queries: readonly Uint8Array[],
  { references, reading, onProgress, partBytes = 64 * 2 ** 20 }: SearchOptions,
): Promise<{ found: Found[]; compared: number; damaged: number }> {
  const dim = reading.size ** 2 * reading.channels;
  const best = queries.map(({ length }) => ({
    indices: new Int32Array(length / dim),
    squared: new Float64Array(length / dim).fill(Number.POSITIVE_INFINITY),
  }));
  const partImages = Math.max(1, Math.min(references.count, Math.floor(partBytes / dim)));
  let compared = 0;
  const damaged = await eachPart(references, { ...reading, limit: references.count, partImages }, async (part) => {
    const index = indexReferences({ references: part.pixels, dim });
    for (const [set, { indices, squared }] of best.entries()) {
      const nearest = index.search(queries[set]!);
      for (const [q, distance] of nearest.squaredDistances.entries()) {
        if (distance >= squared[q]!) continue;
        squared[q] = distance;
        indices[q] = part.indices[nearest.indices[q]!]!;
      }
    }
    compared += part.indices.length;
    onProgress?.(compared);
  });
  const found = best.map(({ indices, squared }) => ({
    indices,
    distances: squared.map((value) => Math.sqrt(value / dim) / 255),
  }));
  return { found, compared, damaged };
}

type Parts = Reading & { readonly limit: number; readonly partImages: number };

/** Calls `body` with each part of the source; returns how many images were damaged. */
async function eachPart(source: ImageSource, parts: Parts, body: (part: Loaded) => Promise<void>): Promise<number> {
  const { size, channels, resize, limit, partImages, ...reading } = parts;
  const batches = sequentialBatches({
    ...reading,
    source,
    view: { size, channels },
    place: () => centredView({ size, channels }, resize),
    limit,
    batchSize: Math.min(reading.batchSize, partImages),
  });
  const dim = size ** 2 * channels;
  let kept: { pixels: Uint8Array; indices: Int32Array }[] = [];
  let count = 0;
  const flush = async () => {
    if (count === 0) return;
    const indices = Int32Array.from(kept.flatMap((batch) => [...batch.indices]));
    await body({ pixels: joined(kept, count * dim), indices, damaged: 0 });
    kept = [];
    count = 0;
  };
  for await (const { images, indices } of batches) {
    kept.push({ pixels: toBytes(images), indices });
    count += indices.length;
    if (count >= partImages) await flush();
  }
  await flush();
  return batches.damaged.length;
}

function joined(batches: readonly { pixels: Uint8Array }[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const { pixels } of batches) {
    all.set(pixels, at);
    at += pixels.length;
  }
  return all;
}
