import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VaryingDimensions } from "../../lib/engine/varyingDimensions.js";

const test = suite("engine/varyingDimensions");

test("a name has one size of its own in every shape, and gets its place back", () => {
  const varying = new VaryingDimensions();
  const [t, three] = varying.standIns(["t", 3]) as [number, number];
  const [again, u] = varying.standIns(["t", "u"]) as [number, number];
  assert.is(three, 3);
  assert.is(again, t);
  assert.is.not(u, t);
  assert.equal(varying.named([u, 3, t]), ["u", 3, "t"]);
  assert.equal(varying.named([2 * t, t + 1, 3 * u - 2]), ["2 t", "t + 1", "3 u - 2"]);
});

test("multiples of a stand-in, and what is near one, depend on its dimension, and nothing else does", () => {
  const varying = new VaryingDimensions();
  const [t, u] = varying.standIns(["t", "u"]) as [number, number];
  assert.equal(
    [t, 3 * t, u, 12 * u, t + 1, t - 1, 2 * (u + 8)].map((size) => varying.of(size)),
    ["t", "t", "u", "u", "t", "t", "u"],
  );
  const all = ["a", "b", "c", "d"];
  const four = new VaryingDimensions();
  const sizes = four.standIns(all);
  assert.equal(
    sizes.flatMap((size) => [four.of(size - 8), four.of(size + 8)]),
    all.flatMap((name) => [name, name]),
  );
  for (let i = 0; i < 20; i++) assert.is(four.of(2 ** i), undefined, `2^${i}`);
  for (const size of [0, -1, 1, t + 100, t / 2, 1009, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])
    assert.is(varying.of(size), undefined, String(size));
  assert.is(new VaryingDimensions().of(t), undefined, "where no dimension varies");
});

test("sizes that depend on a dimension are refused where they must be fixed", () => {
  const varying = new VaryingDimensions();
  const [t] = varying.standIns(["t"]) as [number];
  varying.expectFixed([0, -1, 3]);
  assert.throws(() => varying.expectFixed([3, 2 * t]), /a shape inside the step depends on "t", which varies/);
});

test("numbers that depend on a dimension are refused, also as its inverse, and other numbers are not", () => {
  const varying = new VaryingDimensions();
  varying.expectFixedNumbers([1, 1 / 1009]);
  const [t] = varying.standIns(["t"]) as [number];
  varying.expectFixedNumbers([
    0,
    -0,
    1,
    -1e9,
    1e-5,
    1e-6,
    1e-12,
    1 / 3,
    2 ** -126,
    3e38,
    Number.NaN,
    -Infinity,
    2 ** 31,
  ]);
  for (const number of [t, -t, t + 1, 3 * t, 1 / t, -1 / t, Math.fround(1 / (48 * t))])
    assert.throws(() => varying.expectFixedNumbers([1, number]), /a number inside the step depends on "t"/);
});

test("a step has no more than four of them", () => {
  const varying = new VaryingDimensions();
  varying.standIns(["a", "b", "c", "d"]);
  varying.standIns(["d", "a"]);
  assert.throws(() => varying.standIns(["e"]), /at most 4 varying dimensions, at "e"/);
});

test.run();
