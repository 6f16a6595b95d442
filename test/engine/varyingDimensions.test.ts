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
  assert.equal(varying.named([u, 3, t, 2 * t]), ["u", 3, "t", 2 * t]);
});

test("multiples of a stand-in depend on its dimension, and nothing else does", () => {
  const varying = new VaryingDimensions();
  const [t, u] = varying.standIns(["t", "u"]) as [number, number];
  assert.equal(
    [t, 3 * t, u, 12 * u].map((size) => varying.of(size)),
    ["t", "t", "u", "u"],
  );
  for (const size of [0, -1, 1, t + 1, t / 2, 64, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])
    assert.is(varying.of(size), undefined, String(size));
  assert.is(new VaryingDimensions().of(t), undefined, "where no dimension varies");
});

test("sizes that depend on a dimension are refused where they must be fixed", () => {
  const varying = new VaryingDimensions();
  const [t] = varying.standIns(["t"]) as [number];
  varying.expectFixed([0, -1, 3]);
  assert.throws(() => varying.expectFixed([3, 2 * t]), /a shape inside the step depends on "t", which varies/);
});

test("a step has no more than four of them", () => {
  const varying = new VaryingDimensions();
  varying.standIns(["a", "b", "c", "d"]);
  varying.standIns(["d", "a"]);
  assert.throws(() => varying.standIns(["e"]), /at most 4 varying dimensions, at "e"/);
});

test.run();
