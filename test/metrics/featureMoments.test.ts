import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countMoments, mergeMoments } from "../../lib/metrics/featureMoments.js";
import { expectClose } from "../support.js";
import { hashedFeatures } from "./support.js";

const test = suite("metrics/featureMoments");

const DIM = 6;

function momentsOf(rows: Float32Array, ...batches: number[]) {
  const counter = countMoments(DIM);
  let at = 0;
  for (const count of batches) {
    counter.add(rows.subarray(at * DIM, (at + count) * DIM));
    at += count;
  }
  counter.add(rows.subarray(at * DIM));
  return counter.result();
}

/** In two passes. */
function slowMoments(rows: Float32Array) {
  const count = rows.length / DIM;
  const x = (n: number, d: number) => rows[n * DIM + d]!;
  const sum = (f: (n: number) => number) => Array.from({ length: count }, (_, n) => f(n)).reduce((a, b) => a + b, 0);
  const mean = Array.from({ length: DIM }, (_, d) => sum((n) => x(n, d)) / count);
  const covariance = mean.flatMap((m, d) =>
    mean.map((o, e) => sum((n) => (x(n, d) - m) * (x(n, e) - o)) / (count - 1)),
  );
  return { count, mean, covariance };
}

test("two points by hand", () => {
  const counter = countMoments(2);
  counter.add([1, 2]);
  counter.add([3, 8]);
  const { count, mean, covariance } = counter.result();
  assert.is(count, 2);
  expectClose(mean, [2, 5], "mean", { absolute: 1e-15 });
  expectClose(covariance, [2, 6, 6, 18], "covariance", { relative: 1e-15 });
});

test("agrees with two passes over all rows, however they are batched", () => {
  const rows = hashedFeatures(3, 23, DIM, 0.5);
  const want = slowMoments(rows);
  for (const batches of [[], [1], [10], [4, 1, 1, 9], [22], Array.from({ length: 23 }, () => 1)]) {
    const got = momentsOf(rows, ...batches);
    assert.is(got.count, 23);
    expectClose(got.mean, want.mean, "mean", { relative: 1e-14 });
    expectClose(got.covariance, want.covariance, "covariance", { relative: 1e-13 });
  }
});

test("a mean of a million costs six digits of sixteen, where mean squares would cost twelve", () => {
  const rows = hashedFeatures(4, 40, DIM, 0).map((value) => 1e6 + Math.round(8 * value));
  expectClose(momentsOf(rows, 7, 7).covariance, slowMoments(rows).covariance, "covariance", { relative: 1e-10 });
});

test("two sets merge into the moments of both", () => {
  const rows = hashedFeatures(5, 31, DIM, 1);
  const [first, second] = [rows.subarray(0, 12 * DIM), rows.subarray(12 * DIM)].map((part) => momentsOf(part));
  const merged = mergeMoments(first!, second!);
  const whole = momentsOf(rows);
  assert.is(merged.count, 31);
  expectClose(merged.mean, whole.mean, "mean", { relative: 1e-14 });
  expectClose(merged.covariance, whole.covariance, "covariance", { relative: 1e-13 });
});

test("too few vectors, parts of vectors, other widths and numbers that are not finite are refused", () => {
  const counter = countMoments(3);
  counter.add([]);
  assert.throws(() => counter.result(), /at least two vectors for a covariance, got 0/);
  counter.add([1, 2, 3]);
  assert.throws(() => counter.result(), /got 1/);
  assert.throws(() => counter.add([1, 2]), /want rows of 3 numbers, got 2/);
  assert.throws(() => counter.add([1, 2, 3, 4, Number.NaN, 6]), /row 1 has NaN at 1; want finite/);
  counter.add([4, 5, 6]);
  assert.is(counter.result().count, 2);
  assert.throws(() => mergeMoments(counter.result(), momentsOf(hashedFeatures(1, 3, DIM, 0))), /got 3 and 6/);
});

test.run();
