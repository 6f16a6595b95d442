import * as tf from "@tensorflow/tfjs";
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
    ({ features }) => ({ covariance: tf.mul(tf.matMul(features!, features!, true), 1 / N) }),
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
  /** C. */
  readonly classes: number;
};

/** The coordinates for features of this covariance. */
export function whitening({ covariance, ridge, classes: C }: WhiteningOptions): Whitening {
  const D = Math.sqrt(covariance.length);
  const L = cholesky(covariance, D, ridge);
  return {
    whiten: (weights) => {
      const whitened = new Float64Array(D * C);
      for (let a = 0; a < D; a++)
        for (let b = 0; b <= a; b++) addRow(whitened, b, { from: weights, row: a, times: L[a * D + b]!, C });
      return whitened;
    },
    restore: (whitened) => {
      const weights = whitened.slice();
      for (let a = D - 1; a >= 0; a--) {
        scaleRow(weights, a, { by: 1 / L[a * D + a]!, C });
        for (let b = 0; b < a; b++) addRow(weights, b, { from: weights, row: a, times: -L[a * D + b]!, C });
      }
      return weights;
    },
    gradient: (byWeights) => {
      const gradient = byWeights.slice();
      for (let a = 0; a < D; a++) {
        for (let b = 0; b < a; b++) addRow(gradient, a, { from: gradient, row: b, times: -L[a * D + b]!, C });
        scaleRow(gradient, a, { by: 1 / L[a * D + a]!, C });
      }
      return gradient;
    },
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

type RowOf = { readonly from: Float64Array; readonly row: number; readonly times: number; readonly C: number };

/** `target[at] += times * from[row]`, rows of C. */
function addRow(target: Float64Array, at: number, { from, row, times, C }: RowOf): void {
  for (let c = 0; c < C; c++) target[at * C + c]! += times * from[row * C + c]!;
}

function scaleRow(target: Float64Array, at: number, { by, C }: { by: number; C: number }): void {
  for (let c = 0; c < C; c++) target[at * C + c]! *= by;
}

function sparser(features: Float32Array, dim: number): Float32Array {
  const N = features.length / dim;
  const step = Math.ceil(N / ENOUGH_ROWS);
  if (step === 1) return features;
  const rows = new Float32Array(Math.ceil(N / step) * dim);
  for (let i = 0; i * step < N; i++) rows.set(features.subarray(i * step * dim, (i * step + 1) * dim), i * dim);
  return rows;
}
