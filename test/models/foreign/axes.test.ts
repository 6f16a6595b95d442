import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inverse, permuted, permutedShape, tapsFirst, unmoved } from "../../../lib/models/foreign/axes.js";

const test = suite("models/foreign/axes");

/** Elements of [2, 3, 2] that spell their own place. */
const PLACES = Float32Array.of(0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121);

test("every element goes where its axes go", () => {
  assert.equal([...permuted(PLACES, [2, 3, 2], [2, 0, 1])], [0, 10, 20, 100, 110, 120, 1, 11, 21, 101, 111, 121]);
  assert.equal(permutedShape([2, 3, 2], [2, 0, 1]), [2, 2, 3]);
  assert.equal([...permuted(PLACES.subarray(0, 6), [3, 2], [1, 0])], [0, 10, 20, 1, 11, 21]);
});

test("axes that stay cost nothing", () => {
  assert.is(permuted(PLACES, [2, 3, 2], unmoved(3)), PLACES);
  const scalar = Float32Array.of(7);
  assert.is(permuted(scalar, [], unmoved(0)), scalar);
});

test("the inverse order brings them back", () => {
  for (const order of [
    [2, 0, 1],
    [1, 2, 0],
    [0, 2, 1],
  ]) {
    const shape = permutedShape([2, 3, 2], order);
    assert.equal(permuted(permuted(PLACES, [2, 3, 2], order), shape, inverse(order)), PLACES, String(order));
  }
});

test("taps come first, outputs last", () => {
  assert.equal(tapsFirst(4), [2, 3, 1, 0]);
  assert.equal(tapsFirst(2), [1, 0]);
  assert.equal(permutedShape([64, 3, 5, 7], tapsFirst(4)), [5, 7, 3, 64]);
});

test.run();
