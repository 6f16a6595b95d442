import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addRows, productOfRows, rowOf, transposed } from "../../lib/metrics/matrix.js";
import { expectClose } from "../support.js";
import { matrixOf, randomMatrix } from "./support.js";

const test = suite("metrics/matrix");

test("a product of rows, by hand", () => {
  const product = productOfRows(
    matrixOf([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
    matrixOf([
      [1, 0],
      [1, -1],
    ]),
  );
  assert.equal(product, { values: Float64Array.of(1, -1, 3, -1, 5, -1), rows: 3, columns: 2 });
});

test("products of every number of rows are those of the definition", () => {
  for (const rows of [1, 2, 3, 4, 5, 8, 11]) {
    const [A, B] = [randomMatrix(rows, 7, rows), randomMatrix(3, 7, 100 + rows)];
    const want = Array.from({ length: rows * 3 }, (_, at) => {
      const [a, b] = [rowOf(A, Math.floor(at / 3)), rowOf(B, at % 3)];
      return a.reduce((sum, value, k) => sum + value * b[k]!, 0);
    });
    expectClose(productOfRows(A, B).values, want, `${rows} rows`, { relative: 1e-14 });
  }
});

test("rows are added with their factors, from the column asked for", () => {
  for (const count of [0, 1, 3, 4, 6, 9]) {
    const A = randomMatrix(10, 5, count);
    const { values: factors } = randomMatrix(1, count, 50);
    const target = Float64Array.of(1, 2, 3, 4, 5);
    addRows(target, A, { factors, first: 1, from: 2 });
    const want = [1, 2, 3, 4, 5].map((value, j) =>
      j < 2 ? value : factors.reduce((sum, factor, i) => sum + factor * rowOf(A, 1 + i)[j]!, value),
    );
    expectClose(target, want, `${count} rows`, { relative: 1e-14 });
  }
});

test("a transposed matrix has rows for columns", () => {
  assert.equal(transposed(matrixOf([[1, 2, 3]])), matrixOf([[1], [2], [3]]));
});

test.run();
