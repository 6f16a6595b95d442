import { permutation } from "../random.js";

export type InceptionScore = {
  /** Mean over the splits, 1 to the number of classes. */
  readonly mean: number;
  /** Standard deviation over the splits (divided by their number). */
  readonly std: number;
  readonly images: number;
  readonly splits: number;
};

export type InceptionScoreOptions = {
  /** Parts that are scored by themselves; default 10, as everyone quotes it. */
  readonly splits?: number;
  /**
   * Seed of the order in which images are dealt to the splits; default 0. Drawn class by class and left in that order,
   * each split would hold few classes and score too low. `undefined` leaves the order as it is.
   */
  readonly seed?: number | undefined;
};

/**
 * Inception Score, `exp(mean KL(p(y|x) || p(y)))` with `p(y) = mean p(y|x)`, of each of the splits
 * `[i N / splits, (i + 1) N / splits)`, in double.
 * Source: Salimans et al. 2016, arXiv:1606.03498, section 4; splits as in its code, images dealt out at random as
 * torch-fidelity does, though not into the same parts.
 * @param logits [N, classes], the network's without bias to compare with published scores
 * @throws RangeError when the logits are no whole rows or not finite, or there are fewer images than splits
 */
export function inceptionScore(
  logits: ArrayLike<number>,
  classes: number,
  options: InceptionScoreOptions = {},
): InceptionScore {
  const { splits = DEFAULT_SPLITS } = options;
  const N = expectRows(logits, classes, splits);
  const seed = "seed" in options ? options.seed : DEFAULT_SEED;
  const order = seed === undefined ? Uint32Array.from({ length: N }, (_, i) => i) : permutation(N, seed);
  const scores = Array.from({ length: splits }, (_, i) => {
    const part = order.subarray(Math.floor((i * N) / splits), Math.floor(((i + 1) * N) / splits));
    return Math.exp(meanDivergence(logits, classes, part));
  });
  const mean = meanOf(scores);
  return { mean, std: Math.sqrt(meanOf(scores.map((score) => (score - mean) ** 2))), images: N, splits };
}

const DEFAULT_SPLITS = 10;
const DEFAULT_SEED = 0;

/** `mean_x sum_y p(y|x) log p(y|x) - sum_y p(y) log p(y)`, nats: the mean divergence, taken apart. */
function meanDivergence(logits: ArrayLike<number>, classes: number, rows: Uint32Array): number {
  const marginal = new Float64Array(classes);
  const p = new Float64Array(classes);
  let negativeEntropy = 0;
  for (const row of rows) {
    negativeEntropy += softmax(p, logits, row * classes);
    for (let y = 0; y < classes; y++) marginal[y]! += p[y]!;
  }
  let ofMarginal = 0;
  for (const sum of marginal) if (sum > 0) ofMarginal += (sum / rows.length) * Math.log(sum / rows.length);
  return negativeEntropy / rows.length - ofMarginal;
}

/** Writes the probabilities of one row and returns `sum p log p`. */
function softmax(p: Float64Array, logits: ArrayLike<number>, from: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let y = 0; y < p.length; y++) largest = Math.max(largest, logits[from + y]!);
  let total = 0;
  let weighted = 0;
  for (let y = 0; y < p.length; y++) {
    const shifted = logits[from + y]! - largest;
    const value = Math.exp(shifted);
    p[y] = value;
    total += value;
    weighted += value * shifted;
  }
  for (let y = 0; y < p.length; y++) p[y]! /= total;
  return weighted / total - Math.log(total);
}

function expectRows(logits: ArrayLike<number>, classes: number, splits: number): number {
  const N = logits.length / classes;
  if (!Number.isInteger(N))
    throw new RangeError(`inceptionScore: want rows of ${classes} logits, got ${logits.length} numbers`);
  if (!Number.isInteger(splits) || splits < 1)
    throw new RangeError(`inceptionScore: splits wants a whole number above 0, got ${splits}`);
  if (N < splits) throw new RangeError(`inceptionScore: want at least one image a split (${splits}), got ${N}`);
  for (let i = 0; i < logits.length; i++)
    if (!Number.isFinite(logits[i]!))
      throw new RangeError(`inceptionScore: image ${Math.floor(i / classes)} has the logit ${logits[i]}`);
  return N;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
