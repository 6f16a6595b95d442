/** Mean and covariance of feature vectors, in double and in one pass over them. */
import { addRows, type Matrix, rowOf } from "./matrix.js";

/** A set of vectors by its first two moments. */
export type Moments = {
  /** Vectors seen. */
  readonly count: number;
  /** [D] */
  readonly mean: Float64Array;
  /** `sum (x - mean)(x - mean)^T / (count - 1)`, [D, D], symmetric. */
  readonly covariance: Float64Array;
};

/** Collects vectors batch by batch, keeping D^2 numbers. */
export type MomentsCounter = {
  /**
   * Takes rows [n, D].
   * @throws RangeError when they are no whole rows, or not finite
   */
  add(rows: ArrayLike<number>): void;
  /** @throws RangeError when fewer than two vectors were added */
  result(): Moments;
};

/**
 * A counter for vectors of width D; the result depends on their order and batches in its last bits only. A batch is
 * merged as a set of its own: its deviations from its mean, and one row `sqrt(n m / (n + m)) (mean_n - mean_m)`.
 * Source: Chan, Golub and LeVeque 1979, Stanford STAN-CS-79-773.
 */
export function countMoments(dim: number): MomentsCounter {
  const mean = new Float64Array(dim);
  const scatter: Matrix = { values: new Float64Array(dim * dim), rows: dim, columns: dim }; // upper triangle
  let count = 0;
  return {
    add(rows) {
      const added = rowCount(rows, dim);
      if (added === 0) return;
      const batchMean = meanOf(rows, dim);
      const deviations = new Float64Array((added + 1) * dim);
      for (let i = 0; i < rows.length; i++) deviations[i] = rows[i]! - batchMean[i % dim]!;
      const weight = Math.sqrt((count * added) / (count + added));
      const share = added / (count + added);
      for (let d = 0; d < dim; d++) {
        const shift = batchMean[d]! - mean[d]!;
        deviations[added * dim + d] = weight * shift;
        mean[d]! += share * shift;
      }
      count += added;
      addOuterProducts(scatter, { values: deviations, rows: added + 1, columns: dim });
    },
    result() {
      if (count < 2) throw new RangeError(`moments: want at least two vectors for a covariance, got ${count}`);
      return { count, mean: mean.slice(), covariance: mirrored(scatter).map((sum) => sum / (count - 1)) };
    },
  };
}

/**
 * The moments of two sets together.
 * @throws RangeError when their widths differ
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  const dim = a.mean.length;
  if (b.mean.length !== dim)
    throw new RangeError(`moments: want vectors of one width, got ${dim} and ${b.mean.length}`);
  const count = a.count + b.count;
  const shift = b.mean.map((value, d) => value - a.mean[d]!);
  const weight = (a.count * b.count) / count;
  const covariance = a.covariance.map((value, at) => {
    const between = weight * shift[Math.floor(at / dim)]! * shift[at % dim]!;
    return (value * (a.count - 1) + b.covariance[at]! * (b.count - 1) + between) / (count - 1);
  });
  return { count, mean: a.mean.map((value, d) => value + (b.count / count) * shift[d]!), covariance };
}

function rowCount(rows: ArrayLike<number>, dim: number): number {
  const count = rows.length / dim;
  if (!Number.isInteger(count))
    throw new RangeError(`moments: want rows of ${dim} numbers, got ${rows.length} numbers in all`);
  for (let i = 0; i < rows.length; i++)
    if (!Number.isFinite(rows[i]!))
      throw new RangeError(`moments: row ${Math.floor(i / dim)} has ${rows[i]} at ${i % dim}; want finite features`);
  return count;
}

function meanOf(rows: ArrayLike<number>, dim: number): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) mean[i % dim]! += rows[i]!;
  return mean.map((sum) => (sum * dim) / rows.length);
}

/** `scatter += rows^T rows`, upper triangle. */
function addOuterProducts(scatter: Matrix, rows: Matrix): void {
  const factors = new Float64Array(rows.rows);
  for (let d = 0; d < scatter.rows; d++) {
    for (let n = 0; n < rows.rows; n++) factors[n] = rows.values[n * rows.columns + d]!;
    addRows(rowOf(scatter, d), rows, { factors, from: d });
  }
}

function mirrored({ values, rows: dim }: Matrix): Float64Array {
  const whole = values.slice();
  for (let d = 1; d < dim; d++) for (let e = 0; e < d; e++) whole[d * dim + e] = values[e * dim + d]!;
  return whole;
}
