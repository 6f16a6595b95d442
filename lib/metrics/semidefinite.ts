import { addRows, type Matrix, rowOf } from "./matrix.js";

/**
 * A factor of a covariance, which is positive semi-definite and, from fewer samples than dimensions, singular: R
 * [rank, D] with `R^T R = S`, by Cholesky decomposition that takes the largest remaining diagonal element as the next
 * pivot and ends when none stands above rounding, `D eps max diag S`.
 * Source: Higham 1990, "Analysis of the Cholesky decomposition of a semi-definite matrix"; the bound is LAPACK dpstrf's.
 * @param S symmetric, [D, D]
 * @throws RangeError when S has a diagonal element that is negative beyond rounding, or not a number
 */
export function semidefiniteFactor(S: Matrix): Matrix {
  const dim = S.rows;
  const left = Float64Array.from({ length: dim }, (_, d) => S.values[d * dim + d]!); // diagonal of what is left of S
  const smallest = dim * Number.EPSILON * left.reduce((a, b) => Math.max(a, b), 0);
  const wrong = left.findIndex((value) => Number.isNaN(value) || value < -smallest);
  if (wrong >= 0) throw new RangeError(`covariance: element ${wrong} of its diagonal is ${left[wrong]}; want >= 0`);
  const R: Matrix = { values: new Float64Array(dim * dim), rows: dim, columns: dim };
  for (let rank = 0; rank < dim; rank++) {
    const pivot = indexOfLargest(left);
    if (!(left[pivot]! > smallest)) return { values: R.values.slice(0, rank * dim), rows: rank, columns: dim };
    const row = rowOf(R, rank);
    row.set(rowOf(S, pivot));
    addRows(row, R, { factors: Float64Array.from({ length: rank }, (_, m) => -R.values[m * dim + pivot]!) });
    scaleRow(row, left, Math.sqrt(left[pivot]!));
    left[pivot] = DONE;
  }
  return R;
}

const DONE = Number.NEGATIVE_INFINITY; // in place of the diagonal of what is left: the element was a pivot

/** Divides the new row by the root of its pivot and takes it off the diagonal; columns that are done hold rounding. */
function scaleRow(row: Float64Array, left: Float64Array, root: number): void {
  for (let d = 0; d < row.length; d++) {
    row[d] = left[d] === DONE ? 0 : row[d]! / root;
    left[d]! -= row[d]! * row[d]!;
  }
}

function indexOfLargest(values: Float64Array): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}
