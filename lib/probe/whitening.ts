import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";
import type { Engine } from "../engine/types.js";

/**
 * Other coordinates for weights W [D, C], in which the loss is about as steep in all directions: `V = L^T W` with
 * `L L^T = X^T X / N + ridge I`, so that a gradient becomes `L^-1 G`. What is minimized stays the same; it takes a
 * tenth of the steps where features are correlated, as those of pixels and of neighbouring units are.
 */
export type Whitening = {
  /** `V` of `W`. */
  whiten(weights: Float64Array): Float64Array;
  /** `W` of `V`. */
  restore(whitened: Float64Array): Float64Array;
  /** The gradient by `V`, given the one by `W`. */
  gradient(byWeights: Float64Array): Float64Array;
};

/** Rows that the covariance is estimated from: it need not be exact. */
const ENOUGH_ROWS = 8192;

/** Covariance [D, D] of standardized features [N, D], from evenly spaced rows when there are many. */
export async function covarianceOf(engine: Engine, features: Float32Array, dim: number): Promise<Float32Array> {
  const rows = sparser(features, dim);
  const N = rows.length / dim;
  const program = await engine.compile(
    ({ features }) => ({
      covariance: tf.mul(
        fullPrecision(() => tf.matMul(features!, features!, true)),
        1 / N,
      ),
    }),
    { name: "covariance", inputs: { features: { dtype: "float32", shape: [N, dim] } } },
  );
  try {
    const results = await program.run({ features: { dtype: "float32", shape: [N, dim], data: rows } });
    return Float32Array.from(results["covariance"]!.data);
  } finally {
    await program.dispose();
  }
}

export type WhiteningOptions = {
  /** Symmetric, [D, D]. */
  readonly covariance: Float32Array;
  /** Added to its diagonal, > 0. */
  readonly ridge: number;
};

/** The coordinates for features of this covariance. */
export function whitening({ covariance, ridge }: WhiteningOptions): Whitening {
  const D = Math.sqrt(covariance.length);
  const L = cholesky(covariance, D, ridge);
  const byColumn = (map: (column: Float64Array) => void) => (matrix: Float64Array) => mapColumns(matrix, D, map);
  return {
    whiten: byColumn((x) => multiplyTransposed(L, x)),
    restore: byColumn((x) => solveTransposed(L, x)),
    gradient: byColumn((x) => solve(L, x)),
  };
}

/** Lower L [D, D], row by row, with `L L^T = matrix + ridge I`; a pivot that rounding made too small becomes `ridge`. */
function cholesky(matrix: Float32Array, D: number, ridge: number): Float64Array {
  const L = new Float64Array(D * D);
  for (let a = 0; a < D; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * D + b]! + (a === b ? ridge : 0);
      for (let k = 0; k < b; k++) sum -= L[a * D + k]! * L[b * D + k]!;
      L[a * D + b] = a === b ? Math.sqrt(Math.max(sum, ridge)) : sum / L[b * D + b]!;
    }
  }
  return L;
}

/** `x <- L^T x` */
function multiplyTransposed(L: Float64Array, x: Float64Array): void {
  const D = x.length;
  for (let a = 0; a < D; a++) {
    const value = x[a]!;
    x[a] = 0;
    for (let b = 0; b <= a; b++) x[b]! += L[a * D + b]! * value;
  }
}

/** `x <- L^-T x` */
function solveTransposed(L: Float64Array, x: Float64Array): void {
  const D = x.length;
  for (let a = D - 1; a >= 0; a--) {
    const value = x[a]! / L[a * D + a]!;
    x[a] = value;
    for (let b = 0; b < a; b++) x[b]! -= L[a * D + b]! * value;
  }
}

/** `x <- L^-1 x` */
function solve(L: Float64Array, x: Float64Array): void {
  const D = x.length;
  for (let a = 0; a < D; a++) {
    let sum = x[a]!;
    for (let b = 0; b < a; b++) sum -= L[a * D + b]! * x[b]!;
    x[a] = sum / L[a * D + a]!;
  }
}

/** A copy of `matrix` [D, C] with each column changed in place by `map`, one after the other in contiguous memory. */
function mapColumns(matrix: Float64Array, D: number, map: (column: Float64Array) => void): Float64Array {
  const mapped = new Float64Array(matrix.length);
  const C = matrix.length / D;
  const column = new Float64Array(D);
  for (let c = 0; c < C; c++) {
    for (let d = 0; d < D; d++) column[d] = matrix[d * C + c]!;
    map(column);
    for (let d = 0; d < D; d++) mapped[d * C + c] = column[d]!;
  }
  return mapped;
}

function sparser(features: Float32Array, dim: number): Float32Array {
  const N = features.length / dim;
  const step = Math.ceil(N / ENOUGH_ROWS);
  if (step === 1) return features;
  const rows = new Float32Array(Math.ceil(N / step) * dim);
  for (let i = 0; i * step < N; i++) rows.set(features.subarray(i * step * dim, (i * step + 1) * dim), i * dim);
  return rows;
}
