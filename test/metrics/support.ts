/** What the tests of statistics share: random matrices, naive products. */
import type { Matrix } from "../../lib/metrics/matrix.js";
import { hash32, rngFrom } from "../../lib/random.js";

/** Standard normal elements. */
export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const rng = rngFrom(seed);
  return { values: Float64Array.from({ length: rows * columns }, () => rng.normal()), rows, columns };
}

export function matrixOf(rows: readonly (readonly number[])[]): Matrix {
  return { values: Float64Array.from(rows.flat()), rows: rows.length, columns: rows[0]?.length ?? 0 };
}

/** `A^T A` by its definition. */
export function gram({ values, rows, columns }: Matrix): Matrix {
  const product = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < rows; k++) product[i * columns + j]! += values[k * columns + i]! * values[k * columns + j]!;
  return { values: product, rows: columns, columns };
}

/** The features of fixtures/golden/frechet.py, [count, dim]. */
export function hashedFeatures(seed: number, count: number, dim: number, shift: number): Float32Array {
  const u = (row: number, d: number) => (hash32(row * dim + d, seed) >>> 8) * 2 ** -24;
  return Float32Array.from({ length: count * dim }, (_, i) => {
    const [row, d] = [Math.floor(i / dim), i % dim];
    return (u(row, d) + 0.5 * u(row, (d + dim - 1) % dim) + shift) / (1 + d);
  });
}
