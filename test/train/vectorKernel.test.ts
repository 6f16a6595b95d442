import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rngFrom } from "../../lib/random.js";
import { vectorKernel } from "../../lib/train/vectorKernel.js";

const test = suite("train/vectorKernel");

/** All operations, an array that stays as it is, and a result that another one needs. */
const kernel = vectorKernel(
  { arrays: ["a", "b", "c"], numbers: ["x", "y"] },
  ({ add, sub, mul, div, sqrt }, { a, b, c, x, y }) => {
    const sum = add(mul(a, x), b);
    return { a: sum, c: sub(div(c, sqrt(mul(sum, sum))), y) };
  },
);

const { fround } = Math;

function wanted(arrays: Record<"a" | "b" | "c", Float32Array>, x: number, y: number) {
  const sum = arrays.a.map((a, i) => fround(fround(a * fround(x)) + arrays.b[i]!));
  const rest = arrays.c.map((c, i) => fround(fround(c / fround(Math.sqrt(fround(sum[i]! ** 2)))) - fround(y)));
  return { a: sum, b: arrays.b.slice(), c: rest };
}

const arraysOf = (length: number, seed: number) => {
  const rng = rngFrom(seed);
  const normal = () => Float32Array.from({ length }, () => rng.normal());
  return { a: normal(), b: normal(), c: normal() };
};

test("every element is what float32 arithmetic makes of it, at any length", () => {
  for (const length of [0, 1, 3, 4, 5, 1000, 16383, 16384, 16385, 3 * 16384, 40_001]) {
    const arrays = arraysOf(length, length);
    const want = wanted(arrays, 1.1, -0.3);
    kernel(arrays, { x: 1.1, y: -0.3 });
    assert.equal(arrays, want, `${length} elements`);
  }
});

test("what lies beside a part of an array is left alone, and one call leaves nothing for the next", () => {
  const [whole, again] = [arraysOf(100, 1), arraysOf(100, 1)];
  const part = (arrays: typeof whole) => {
    return { a: arrays.a.subarray(3, 10), b: arrays.b.subarray(5, 12), c: arrays.c.subarray(1, 8) };
  };
  const want = wanted(part(again), 2, 1);
  kernel(arraysOf(64, 9), { x: Number.NaN, y: Number.NaN });
  kernel(part(whole), { x: 2, y: 1 });
  assert.equal(part(whole), want);
  again.a.set(want.a, 3);
  again.c.set(want.c, 1);
  assert.equal(whole, again);
});

test("arrays of different lengths are refused, and nothing moves", () => {
  for (const name of ["b", "c"] as const)
    for (const length of [2, 4]) {
      const arrays = { ...arraysOf(3, 1), [name]: new Float32Array(length) };
      assert.throws(() => kernel(arrays, { x: 1, y: 1 }), new RegExp(`want 3 of ${name} as of a, got ${length}`));
      assert.equal(arrays.a, arraysOf(3, 1).a);
    }
});

test("infinite and missing numbers stay with their elements", () => {
  const arrays = { a: Float32Array.of(1, Number.NaN, 1), b: new Float32Array(3), c: Float32Array.of(1, 1, 0) };
  arrays.a[2] = 0;
  kernel(arrays, { x: 1, y: 0 });
  assert.equal([...arrays.c], [1, Number.NaN, Number.NaN]); // 0 / 0
});

test("many arrays and numbers, and long formulas", () => {
  const names = Array.from({ length: 150 }, (_, i) => `n${i}`);
  const sum = vectorKernel({ arrays: ["a"], numbers: names }, ({ add }, values) => ({
    a: names.reduce((total, name) => add(total, values[name]!), values["a"]!),
  }));
  const a = Float32Array.of(0, 1, 2, 3, 4);
  sum({ a }, Object.fromEntries(names.map((name, i) => [name, i])));
  assert.equal(
    [...a],
    [0, 1, 2, 3, 4].map((value) => value + (149 * 150) / 2),
  );
});

test.run();
