/** Distances between all vectors of two sets, by an engine's matrix products, and exactly where that is asked. */
import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";
import type { Engine } from "../engine/types.js";

export type FeatureDistances = {
  /**
   * Calls `body` for each row of `a`, in order, with its squared distances to all rows of `b`.
   *
   * They are `|x|^2 + |y|^2 - 2 x y` with products in float32: fast, and off by at most `slack`. Only a block of them
   * is in memory.
   * @param a [M, dim]
   * @param b [N, dim]
   * @throws RangeError when these are no whole rows, or not finite
   */
  eachRow(a: Float32Array, b: Float32Array, body: RowBody): Promise<void>;
  close(): Promise<void>;
};

/** `squared`, [N], is overwritten after the call. */
export type RowBody = (row: number, squared: Float64Array, slack: number) => void;

/** Compiles the products of vectors of width `dim`, in float32 on every engine. */
export async function openDistances(engine: Engine, dim: number): Promise<FeatureDistances> {
  const program = await engine.compile(
    ({ a, b }) => ({ products: fullPrecision(() => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true)) }),
    {
      name: "distances",
      inputs: { a: { dtype: "float32", shape: ["m", dim] }, b: { dtype: "float32", shape: ["n", dim] } },
    },
  );
  const matrix = (data: Float32Array) => ({ dtype: "float32", shape: [data.length / dim, dim], data }) as const;
  return {
    async eachRow(a, b, body) {
      const [ofA, ofB] = [squaredNorms(a, dim), squaredNorms(b, dim)];
      const [M, N] = [ofA.length, ofB.length];
      const largest = ofB.reduce((most, norm) => Math.max(most, norm), 0);
      const squared = new Float64Array(N);
      const together = Math.max(1, Math.min(MOST_ROWS, Math.floor(BLOCK / N)));
      for (let from = 0; from < M; from += together) {
        const rows = a.subarray(from * dim, (from + together) * dim);
        const products = (await program.run({ a: matrix(rows), b: matrix(b) }))["products"]!.data;
        for (let i = 0; i * dim < rows.length; i++) {
          const norm = ofA[from + i]!;
          for (let j = 0; j < N; j++) squared[j] = norm + ofB[j]! - 2 * products[i * N + j]!;
          body(from + i, squared, dim * ROUNDING * (norm + largest));
        }
      }
    },
    close: () => program.dispose(),
  };
}

/** `|a_i - b_j|^2` of two rows, in double. Positional arguments because loops call it. */
export function exactDistance(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let k = 0; k < dim; k++) sum += (a[i * dim + k]! - b[j * dim + k]!) ** 2;
  return sum;
}

const BLOCK = 2 ** 24; // products in memory at once, 64 MiB
const MOST_ROWS = 1024;

/** In `2 x y` summed in any order, `2 dim u |x| |y| <= dim u (|x|^2 + |y|^2)` with u = 2^-24; twice that to be safe. */
const ROUNDING = 2 ** -23;

function squaredNorms(rows: Float32Array, dim: number): Float64Array {
  const count = rows.length / dim;
  if (!Number.isInteger(count) || count === 0)
    throw new RangeError(`distances: want rows of ${dim} features and at least one, got ${rows.length} numbers`);
  return Float64Array.from({ length: count }, (_, row) => {
    let sum = 0;
    for (let k = row * dim; k < (row + 1) * dim; k++) sum += rows[k]! ** 2;
    if (!Number.isFinite(sum)) throw new RangeError(`distances: row ${row} has features that are not finite`);
    return sum;
  });
}
