/**
 * How much of the real images' manifold samples hit and cover, a manifold being the union of balls around features that
 * reach to the k-th nearest neighbour: improved precision and recall, density and coverage.
 */
import type { Engine } from "../engine/types.js";
import { exactDistance, type FeatureDistances, openDistances } from "./featureDistances.js";

export type ManifoldScores = {
  /** Share of samples inside a ball around some real image, 0 to 1. */
  readonly precision: number;
  /** Share of real images inside a ball around some sample, 0 to 1. */
  readonly recall: number;
  /** Real balls that a sample is inside of, over k, mean over samples: about 1 for samples like the real images. */
  readonly density: number;
  /** Share of real balls that hold a sample, 0 to 1. */
  readonly coverage: number;
};

/** Which neighbour a ball reaches to. */
export type Neighbours = { readonly precisionRecall: number; readonly densityCoverage: number };

/** As in the papers. */
export const NEIGHBOURS: Neighbours = { precisionRecall: 3, densityCoverage: 5 };

export type ManifoldOptions = {
  readonly engine: Engine;
  /** Features of the real images, [N, dim]. */
  readonly reference: Float32Array;
  readonly dim: number;
  /** Default: `NEIGHBOURS`. */
  readonly neighbours?: Neighbours;
};

/** The manifold of real images. */
export type Manifold = {
  /**
   * Scores of samples, [M, dim].
   * @throws RangeError when they are no whole rows, not finite, or no more than the neighbours of precision and recall
   */
  score(samples: Float32Array): Promise<ManifoldScores>;
  close(): Promise<void>;
};

/**
 * Measures the balls around real images; the k-th neighbour is the k-th nearest of the others in the same set.
 *
 * Exact: what products in float32 leave undecided, distances in double decide. With `r_k(x)` the radius of x,
 * `precision = mean_y [some x: |x - y| <= r_k(x)]`, `recall = mean_x [some y: |x - y| <= r_k(y)]`,
 * `density = mean_y #{x: |x - y| <= r_k(x)} / k`, `coverage = mean_x [some y: |x - y| <= r_k(x)]`.
 * Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2, k = 3; Naeem et al. 2020, arXiv:2002.09797,
 * section 3, k = 5, whose code leaves out samples exactly on a ball's surface.
 * @throws RangeError when features are no whole rows, not finite, or no more than the neighbours asked for
 */
export async function openManifold(options: ManifoldOptions): Promise<Manifold> {
  const { engine, reference, dim, neighbours = NEIGHBOURS } = options;
  const { precisionRecall, densityCoverage } = neighbours;
  const distances = await openDistances(engine, dim);
  try {
    const [near, wide] = await squaredRadii(distances, {
      rows: reference,
      dim,
      ks: [precisionRecall, densityCoverage],
    });
    return {
      async score(samples) {
        const [own] = await squaredRadii(distances, { rows: samples, dim, ks: [precisionRecall] });
        const counts = await countHits(distances, { reference, samples, dim, near: near!, wide: wide!, own: own! });
        const [N, M] = [near!.length, own!.length];
        return {
          precision: counts.precise / M,
          recall: counts.recalled / N,
          density: counts.hits / (densityCoverage * M),
          coverage: counts.covered / N,
        };
      },
      close: () => distances.close(),
    };
  } catch (error) {
    await distances.close();
    throw error;
  }
}

type RadiiOptions = { readonly rows: Float32Array; readonly dim: number; readonly ks: readonly number[] };

/** Squared distance of each row to its k-th nearest other row, for each k: [ks][rows]. */
async function squaredRadii(distances: FeatureDistances, { rows, dim, ks }: RadiiOptions): Promise<Float64Array[]> {
  const count = rows.length / dim;
  const most = Math.max(...ks);
  if (count <= most) throw new RangeError(`manifold: want more than ${most} feature vectors, got ${count}`);
  const radii = ks.map(() => new Float64Array(count));
  await distances.eachRow(rows, rows, (row, squared, slack) => {
    squared[row] = Number.POSITIVE_INFINITY; // no neighbour of itself
    // The k-th smallest distance is at most `limit + slack`, so no more than `limit + 2 slack` by these.
    const limit = smallest(squared, most) + 2 * slack;
    const found: number[] = [];
    for (let other = 0, equal = 0; other < count && equal < most; other++) {
      if (squared[other]! > limit) continue;
      const distance = exactDistance(rows, row, rows, other, dim);
      if (distance === 0) equal++; // enough of these, and the others do not matter
      found.push(distance);
    }
    found.sort((a, b) => a - b);
    for (const [i, k] of ks.entries()) radii[i]![row] = found[k - 1]!;
  });
  return radii;
}

/** The k-th smallest value. */
function smallest(values: Float64Array, k: number): number {
  const least = new Float64Array(k).fill(Number.POSITIVE_INFINITY); // ascending
  for (const value of values) {
    if (value >= least[k - 1]!) continue;
    let at = k - 1;
    for (; at > 0 && least[at - 1]! > value; at--) least[at] = least[at - 1]!;
    least[at] = value;
  }
  return least[k - 1]!;
}

type HitOptions = {
  readonly reference: Float32Array;
  readonly samples: Float32Array;
  readonly dim: number;
  /** Squared radii around real images for precision, and for density and coverage, [N]. */
  readonly near: Float64Array;
  readonly wide: Float64Array;
  /** Squared radii around samples, [M]. */
  readonly own: Float64Array;
};

/** Samples and real images inside balls of the other side, and pairs of a sample and a real ball around it. */
async function countHits(distances: FeatureDistances, { reference, samples, dim, near, wide, own }: HitOptions) {
  const largest = near.map((radius, i) => Math.max(radius, wide[i]!));
  const recalled = new Uint8Array(near.length);
  const covered = new Uint8Array(near.length);
  let [precise, hits] = [0, 0];
  await distances.eachRow(samples, reference, (sample, squared, slack) => {
    let isPrecise = false;
    for (let real = 0; real < near.length; real++) {
      const about = squared[real]!;
      if (about > largest[real]! + slack && about > own[sample]! + slack) continue;
      const within = (radius: number) =>
        about <= radius - slack ||
        (about <= radius + slack && exactDistance(samples, sample, reference, real, dim) <= radius);
      if (!isPrecise && within(near[real]!)) isPrecise = true;
      if (!recalled[real] && within(own[sample]!)) recalled[real] = 1;
      if (!within(wide[real]!)) continue;
      hits++;
      covered[real] = 1;
    }
    if (isPrecise) precise++;
  });
  return { precise, hits, recalled: ones(recalled), covered: ones(covered) };
}

const ones = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0);
