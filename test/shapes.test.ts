import { suite } from "uvu";
import * as assert from "uvu/assert";
import { broadcastShapes, exchanged, productShape, range, sameShape, sizeOf } from "../lib/shapes.js";

const test = suite("shapes");

test("shapes broadcast as in NumPy", () => {
  assert.equal(broadcastShapes([2, 1, 3], [4, 1]), [2, 4, 3]);
  assert.equal(broadcastShapes([], [2, 2]), [2, 2]);
  assert.equal(broadcastShapes([3], []), [3]);
});

test("shapes are the same when every size is, and as many", () => {
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.not.ok(sameShape([2, 3], [3, 2]));
  assert.not.ok(sameShape([2], [2, 1]));
});

test("the size is the number of elements, one for a scalar", () => {
  assert.is(sizeOf([]), 1);
  assert.is(sizeOf([2, 3, 4]), 24);
});

test("a matrix product has the rows of one operand and the columns of the other, in all layouts", () => {
  assert.equal(productShape([2, 3], [3, 5]), [2, 5]);
  assert.equal(productShape([3, 2], [3, 5], { transposeA: true }), [2, 5]);
  assert.equal(productShape([2, 3], [5, 3], { transposeB: true }), [2, 5]);
  assert.equal(productShape([3, 2], [5, 3], { transposeA: true, transposeB: true }), [2, 5]);
  assert.equal(productShape([7, 1, 2, 3], [4, 3, 5]), [7, 4, 2, 5], "leading axes broadcast");
});

test("two entries change places, counted from the end", () => {
  const list = [0, 1, 2, 3];
  assert.equal(exchanged(list, -1, -2), [0, 1, 3, 2]);
  assert.equal(exchanged(list, -3, -1), [0, 3, 2, 1]);
  assert.equal(list, [0, 1, 2, 3]);
});

test("a range counts up from 0", () => {
  assert.equal(range(3), [0, 1, 2]);
  assert.equal(range(0), []);
});

test.run();
