import { suite } from "uvu";
import * as assert from "uvu/assert";
import { semidefiniteFactor } from "../../lib/metrics/semidefinite.js";
import { expectClose } from "../support.js";
import { gram, matrixOf, randomMatrix } from "./support.js";

const test = suite("metrics/semidefinite");

test("takes the largest pivot first, by hand", () => {
  const S = matrixOf([
    [1, 2],
    [2, 9],
  ]);
  const { values, rows } = semidefiniteFactor(S);
  assert.is(rows, 2);
  expectClose(values, [2 / 3, 3, Math.sqrt(5) / 3, 0], "R", { absolute: 1e-15 });
});

test("R^T R is the matrix, of full rank and of less, in as many rows as its rank", () => {
  for (const [rank, dim] of [
    [8, 8],
    [3, 8],
    [1, 5],
    [40, 60],
  ] as const) {
    const S = gram(randomMatrix(rank, dim, rank + dim));
    const R = semidefiniteFactor(S);
    assert.is(R.rows, rank);
    expectClose(gram(R).values, S.values, `rank ${rank} of ${dim}`, { relative: 1e-13 });
  }
});

test("scales far apart are kept: a variance of 1e-10 beside 1 counts", () => {
  const R = semidefiniteFactor(
    matrixOf([
      [1, 0],
      [0, 1e-10],
    ]),
  );
  assert.is(R.rows, 2);
  expectClose([R.values[3]!], [1e-5], "R", { relative: 1e-15 });
});

test("zero has rank 0, and what is no covariance is refused", () => {
  assert.is(semidefiniteFactor({ values: new Float64Array(9), rows: 3, columns: 3 }).rows, 0);
  const diagonal = (last: number) =>
    matrixOf([
      [1, 0],
      [0, last],
    ]);
  assert.throws(() => semidefiniteFactor(diagonal(-0.1)), /element 1 of its diagonal is -0\.1; want >= 0/);
  assert.throws(() => semidefiniteFactor(diagonal(Number.NaN)), /element 1 of its diagonal is NaN/);
});

test.run();
