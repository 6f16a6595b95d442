import { suite } from "uvu";
import * as assert from "uvu/assert";
import { l2Normalize } from "../../lib/nn/l2Normalize.js";
import { expectClose } from "../support.js";
import { type Given, gradientsOf, normals, valuesOf } from "./support/eager.js";
import { centralDifferences, inner, rowsOf } from "./support/loops.js";

const test = suite("nn/l2Normalize");

const byLoops = (x: readonly number[]): number[] =>
  rowsOf(x, 4).flatMap((row) => row.map((value) => value / Math.hypot(...row)));

test("rows point where they did and have length 1, however short or long they are", () => {
  const x = normals(1, [2, 3, 4]);
  for (const size of [1e-5, 1, 1e5]) {
    const scaled = { ...x, values: x.values.map((value) => value * size) };
    expectClose(valuesOf(l2Normalize, scaled), byLoops(x.values), `rows about ${size}`, { absolute: 1e-6 });
  }
});

test("the gradient is that of the definition", () => {
  const [x, w] = [normals(2, [3, 4]), normals(3, [3, 4])];
  const wanted = centralDifferences((values) => inner(byLoops(values), w.values), x.values);
  expectClose(gradientsOf(l2Normalize, w, x)[0]!, wanted, "gradient", { absolute: 1e-5 });
});

test("a row of zeros stays what it is, and leaves the others alone", () => {
  const x: Given = { shape: [2, 2], values: [0, 0, 3, 4] };
  assert.equal(valuesOf(l2Normalize, x), [0, 0, 0.6, 0.8].map(Math.fround));
});

test.run();
