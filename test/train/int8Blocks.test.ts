import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rngFrom } from "../../lib/random.js";
import { BLOCK, blocksBytes, roundBlock, valuesOf, zeroBlocks } from "../../lib/train/int8Blocks.js";
import { expectClose } from "../support.js";

const test = suite("train/int8Blocks");

function rounded(numbers: ArrayLike<number>) {
  const values = new Int8Array(numbers.length + 2).fill(5);
  const largest = Array.from(numbers, Math.abs).reduce((a, b) => Math.max(a, b), 0);
  const scale = roundBlock(Float64Array.from(numbers), { count: numbers.length, largest }, values, 1);
  assert.equal([values[0], values.at(-1)], [5, 5], "its neighbours are let alone");
  return { scale, values: values.subarray(1, -1) };
}

test("numbers by hand: the largest is 127 scales, halves go to even", () => {
  const { scale, values } = rounded([-254, 0, 1, -1, 2.9, 3.1, -3, 127]);
  assert.is(scale, 2);
  assert.equal([...values], [-127, 0, 0, 0, 1, 2, -2, 64]);
});

test("what is stored is within half a scale of what was given, for magnitudes from 1e-29 to 1e30", () => {
  const rng = rngFrom(1);
  for (const size of [1e-29, 1e-12, 1, 1e30]) {
    const numbers = Array.from({ length: 100 }, () => size * rng.normal());
    const { scale, values } = rounded(numbers);
    assert.ok(values.some((q) => Math.abs(q) === 127));
    const back = Array.from(values, (q) => q * scale);
    expectClose(back, numbers, `of size ${size}`, { absolute: 0.5001 * scale });
  }
});

test("blocks of nothing, or of less than 1e-30, are zeros", () => {
  for (const numbers of [
    [0, -0],
    [9e-31, -1e-40],
  ]) {
    const { scale, values } = rounded(numbers);
    assert.equal([scale, ...values], [0, 0, 0]);
  }
});

test("a matrix starts as zeros, four values a word, with a scale for each block of a row", () => {
  const { packed, scales } = zeroBlocks(3, 2 * BLOCK + 1);
  assert.equal([packed.shape, scales.shape], [[Math.ceil((3 * (2 * BLOCK + 1)) / 4)], [3, 3]]);
  assert.ok([...packed.data, ...scales.data].every((value) => value === 0));
  valuesOf({ packed })[5] = -1;
  assert.is(packed.data[1], 0xff00, "both are the same memory");
  assert.is(blocksBytes(3, 2 * BLOCK + 1), packed.data.byteLength + scales.data.byteLength);
});

test.run();
