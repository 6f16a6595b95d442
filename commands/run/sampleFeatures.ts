/**
 * Samples beside reference images as a network sees them: Fréchet distance, Inception Score, precision, recall, density
 * and coverage; and real images beside the same reference, for what to expect at best.
 */
import type { ImageSource } from "../../lib/data/source.js";
import { spreadPlaces, thinned } from "../../lib/data/thinned.js";
import type { Engine } from "../../lib/engine/types.js";
import { frechetDistance } from "../../lib/metrics/frechet.js";
import type { InceptionScore } from "../../lib/metrics/inceptionScore.js";
import { type ManifoldScores, NEIGHBOURS, openManifold } from "../../lib/metrics/manifold.js";
import { expectSamePixels, type StoredFeatures } from "./evaluateStatistics.js";
import { hashPixels, type LookOptions, lookAt, type Seen } from "./seenSet.js";

/** Images of one size. */
export type Sets = {
  readonly samples: ImageSource;
  readonly reference: ImageSource;
  readonly real: ImageSource | undefined;
};

/** How alike a set is to the reference. */
export type Likeness = {
  readonly images: number;
  readonly frechet: number;
  /** Only by a classifier. */
  readonly inceptionScore: InceptionScore | undefined;
  /** Undefined where one side has too few images for the neighbours asked for. */
  readonly manifold: ManifoldScores | undefined;
};

export type Comparison = {
  readonly samples: Likeness;
  readonly real: Likeness | undefined;
  readonly reference: Seen;
  /** Images of the reference among which neighbours were sought. */
  readonly neighbours: number;
};

export type SeenSets = { readonly samples: Seen; readonly reference: Seen; readonly real: Seen | undefined };

export type SetsOptions = Omit<LookOptions, "kept"> & {
  /** What is known of the reference, but for its rows. */
  readonly stored?: StoredFeatures | undefined;
};

/**
 * Looks at all samples and all of the reference; of the reference rows are kept of as many images as there are samples,
 * and as many real images are taken, each spread over its set: the more images, the smaller the balls around them, and
 * the smaller the Fréchet distance.
 * @throws DataError when a set has fewer than two images that are not damaged
 * @throws FileError when the reference is not that of the stored features
 */
export async function lookAtSets(sets: Sets, options: SetsOptions): Promise<SeenSets> {
  const samples = await lookAt(sets.samples, options);
  const { count } = samples.moments;
  const reference = await lookAtReference(sets.reference, count, options);
  const real = sets.real && (await lookAt(thinned(sets.real, spreadPlaces(count, sets.real.count)), options));
  return { samples, reference, real };
}

/** All of the reference, with rows of `count` of its images. */
async function lookAtReference(source: ImageSource, count: number, options: SetsOptions): Promise<Seen> {
  const { stored } = options;
  const places = spreadPlaces(count, source.count);
  if (!stored) return lookAt(source, { ...options, kept: new Set(places) });
  const { moments, inceptionScore, pixels } = stored;
  expectSamePixels(stored, await hashPixels(source, options));
  return { moments, inceptionScore, pixels, rows: (await lookAt(thinned(source, places), options)).rows };
}

/** Compares samples, and real images, with the reference; it takes half a minute a distance at 2,048 features. */
export async function compareSets(
  { samples, reference, real }: SeenSets,
  { engine, dim }: { readonly engine: Engine; readonly dim: number },
): Promise<Comparison> {
  const neighbours = reference.rows.length / dim;
  const manifold = isEnough(neighbours) ? await openManifold({ engine, reference: reference.rows, dim }) : undefined;
  const likeness = async ({ moments, inceptionScore, rows }: Seen): Promise<Likeness> => ({
    images: moments.count,
    frechet: frechetDistance(reference.moments, moments),
    inceptionScore,
    manifold: isEnough(moments.count) ? await manifold?.score(rows) : undefined,
  });
  try {
    return { samples: await likeness(samples), real: real && (await likeness(real)), reference, neighbours };
  } finally {
    await manifold?.close();
  }
}

const isEnough = (images: number): boolean => images > Math.max(NEIGHBOURS.precisionRecall, NEIGHBOURS.densityCoverage);

/** The least number of images behind one of the distances. */
export function fewest({ samples, real, reference }: Comparison): number {
  return Math.min(samples.images, real?.images ?? samples.images, reference.moments.count);
}
