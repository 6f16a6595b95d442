import { suite } from "uvu";
import * as assert from "uvu/assert";
import { measureStandardization, standardize } from "../../lib/probe/standardize.js";
import { expectClose } from "../support.js";

const test = suite("probe/standardize");

test("brings each feature to mean 0 and deviation 1", () => {
  const features = Float32Array.of(1, 10, 3, 30, 5, 20); // [3, 2]
  const measured = measureStandardization(features, 2);
  expectClose(measured.mean, [3, 20], "mean", { absolute: 1e-12 });
  expectClose(measured.scale, [Math.sqrt(8 / 3), Math.sqrt(200 / 3)], "scale", { relative: 1e-12 });
  const root = Math.sqrt(1.5);
  expectClose(standardize(features, measured), [-root, -root, 0, root, root, 0], "standardized", { absolute: 1e-6 });
});

test("turns constant features into 0, at any height, and keeps tiny ones that vary", () => {
  const features = new Float32Array(3 * 1000);
  for (let row = 0; row < 1000; row++) features.set([0, 0.1, row % 2 ? 1e-9 : -1e-9], row * 3);
  const measured = measureStandardization(features, 3);
  expectClose(measured.scale, [1, 1, 1e-9], "scale", { relative: 1e-6 });
  const out = standardize(features, measured);
  expectClose(out.subarray(3, 6), [0, 0, 1], "a row", { absolute: 1e-6 });
});

test("refuses rows that do not divide and features that are not finite", () => {
  assert.throws(() => measureStandardization(new Float32Array(5), 2), /rows of 2 features, got 5/);
  assert.throws(() => measureStandardization(new Float32Array(0), 2), /got 0/);
  assert.throws(() => measureStandardization(Float32Array.of(1, 2, 3, Number.NaN), 2), /feature 1 is not finite/);
});

test.run();
