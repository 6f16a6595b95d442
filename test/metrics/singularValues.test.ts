import { suite } from "uvu";
import * as assert from "uvu/assert";
import { productOfRows, transposed } from "../../lib/metrics/matrix.js";
import { singularValues } from "../../lib/metrics/singularValues.js";
import { expectClose } from "../support.js";
import { gram, matrixOf, randomMatrix } from "./support.js";

const test = suite("metrics/singularValues");

test("small matrices by hand", () => {
  expectClose(singularValues(matrixOf([[3, 4]])), [5], "a row", { absolute: 1e-14 });
  expectClose(
    singularValues(
      matrixOf([
        [3, 0],
        [4, 5],
      ]),
    ),
    [Math.sqrt(45), Math.sqrt(5)],
    "3 0 / 4 5",
    { absolute: 1e-14 },
  );
  expectClose(singularValues(matrixOf([[-2]])), [2], "a number", { absolute: 1e-15 });
});

test("singular values that were built in come back, from high and wide matrices", () => {
  const want = [1000, 10, 10, 1, 0.5, 1e-3, 1e-6, 0];
  for (const [rows, columns] of [
    [8, 8],
    [20, 8],
    [8, 13],
  ] as const) {
    const spectrum = {
      values: new Float64Array(rows * columns).map((_, at) =>
        Math.floor(at / columns) === at % columns ? want[at % columns]! : 0,
      ),
      rows,
      columns,
    };
    const half = productOfRows(reflection(rows, 1), transposed(spectrum)); // Q S
    const got = singularValues(productOfRows(half, reflection(columns, 2))); // Q S P^T
    expectClose(got, want, `${rows}x${columns}`, { absolute: 3e-12 }); // eps times the largest
  }
});

test("their squares have the sums that traces give, for random matrices of many sizes", () => {
  for (const [rows, columns] of [
    [1, 1],
    [2, 3],
    [17, 17],
    [60, 41],
    [41, 130],
  ] as const) {
    const A = randomMatrix(rows, columns, rows * columns);
    const values = singularValues(A);
    const G = gram(rows >= columns ? A : transposed(A));
    const power = (n: number) => values.reduce((sum, value) => sum + value ** n, 0);
    const trace = G.values.reduce((sum, value, at) => (Math.floor(at / G.rows) === at % G.rows ? sum + value : sum), 0);
    const squares = G.values.reduce((sum, value) => sum + value * value, 0); // tr (A^T A)^2
    expectClose([power(2), power(4)], [trace, squares], `${rows}x${columns}`, { relative: 1e-12 });
    assert.ok(values.every((value, i) => value >= -1e-12 && (i === 0 || value <= values[i - 1]!)));
  }
});

test("zero matrices, and matrices with zero rows and columns, converge", () => {
  assert.equal([...singularValues({ values: new Float64Array(12), rows: 4, columns: 3 })], [0, 0, 0]);
  expectClose(
    singularValues(
      matrixOf([
        [0, 0, 0],
        [0, 2, 0],
        [0, 0, 0],
      ]),
    ),
    [2, 0, 0],
    "one element",
    { absolute: 1e-15 },
  );
  assert.is(singularValues({ values: new Float64Array(0), rows: 4, columns: 0 }).length, 0);
});

test("the matrix given is left as it is", () => {
  const A = randomMatrix(5, 4, 9);
  const before = A.values.slice();
  singularValues(A);
  assert.equal(A.values, before);
});

test("a matrix with a number that is not finite is refused, wherever it stands", () => {
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY])
    for (let at = 0; at < 6; at++) {
      const values = Float64Array.of(1, 2, 3, 4, 5, 6);
      values[at] = number;
      assert.throws(() => singularValues({ values, rows: 3, columns: 2 }), /want a matrix of finite numbers/);
    }
});

/** An orthogonal matrix without zeros: `I - 2 v v^T / v^T v`. */
function reflection(size: number, seed: number) {
  const { values: v } = randomMatrix(1, size, seed);
  const norm = v.reduce((sum, value) => sum + value * value, 0);
  const values = Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return (i === j ? 1 : 0) - (2 * v[i]! * v[j]!) / norm;
  });
  return { values, rows: size, columns: size };
}

test.run();
