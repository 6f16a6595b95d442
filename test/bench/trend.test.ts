import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rise } from "../../bench/trend.js";
import { expectClose } from "../support.js";

const test = suite("bench/trend");

test("a rise is a share of the median, from first to last", () => {
  expectClose([rise([100, 101, 102, 103, 104])], [4 / 102], "steady", { absolute: 1e-12 });
  expectClose([rise([104, 103, 102, 101, 100])], [-4 / 102], "falling", { absolute: 1e-12 });
  assert.is(rise([7, 7, 7]), 0);
});

test("one odd value moves it little, wherever it is", () => {
  for (const at of [0, 3, 7]) {
    const values = [100, 100.2, 99.8, 100.1, 100, 99.9, 100.2, 100];
    values[at] = 180;
    assert.ok(Math.abs(rise(values)) < 0.01, `${rise(values)} with an odd value at ${at}`);
  }
});

test("a leak of a kilobyte a step shows in 200 MB after 8,000 steps", () => {
  const noise = [0.4, -0.3, 0.2, -0.5, 0.3, -0.1, 0.5, -0.2];
  assert.ok(rise(noise.map((odd, i) => 200 + i + odd)) > 0.03);
  assert.ok(rise(noise.map((odd) => 200 + odd)) < 0.01);
});

test("two values are no trend", () => {
  assert.throws(() => rise([1, 2]), /at least 3 values, got 2/);
});

test.run();
