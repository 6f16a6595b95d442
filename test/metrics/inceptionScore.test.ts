import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inceptionScore } from "../../lib/metrics/inceptionScore.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("metrics/inceptionScore");

const normalLogits = (count: number, seed: number) => {
  const { normal } = rngFrom(seed);
  return Float32Array.from({ length: count }, () => 3 * normal());
};

/** `exp(mean_x sum_y p log(p / q))`, as it is written. */
function slowScore(logits: ArrayLike<number>, classes: number, rows: readonly number[]): number {
  const p = rows.map((row) => {
    const e = Array.from({ length: classes }, (_, y) => Math.exp(logits[row * classes + y]!));
    const total = e.reduce((a, b) => a + b, 0);
    return e.map((value) => value / total);
  });
  const q = p[0]!.map((_, y) => p.reduce((sum, one) => sum + one[y]!, 0) / p.length);
  const divergence = (one: readonly number[]) =>
    one.reduce((sum, value, y) => sum + value * Math.log(value / q[y]!), 0);
  return Math.exp(p.reduce((sum, one) => sum + divergence(one), 0) / p.length);
}

test("two images that are sure of different classes score 2, two that are sure of one score 1", () => {
  const sure = (y: number) => [0, 1, 2].map((k) => (k === y ? 1000 : 0));
  const options = { splits: 1 };
  expectClose([inceptionScore([...sure(0), ...sure(2)], 3, options).mean], [2], "different", { absolute: 1e-12 });
  expectClose([inceptionScore([...sure(1), ...sure(1)], 3, options).mean], [1], "the same", { absolute: 1e-12 });
});

test("probabilities 3/4, 1/4 and 1/4, 3/4, by hand", () => {
  const high = Math.log(3);
  // The marginal is 1/2, so each divergence is 3/4 log 3/2 + 1/4 log 1/2.
  const want = Math.exp(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5));
  const { mean, std } = inceptionScore([high, 0, 0, high], 2, { splits: 1 });
  expectClose([mean, std], [want, 0], "score", { absolute: 1e-12 });
});

test("each split is scored by itself: mean and standard deviation over them, cut at floor(i N / splits)", () => {
  const logits = normalLogits(23 * 7, 1);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  const scores = [range(0, 7), range(7, 15), range(15, 23)].map((rows) => slowScore(logits, 7, rows));
  const mean = (scores[0]! + scores[1]! + scores[2]!) / 3;
  const std = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / 3);
  const got = inceptionScore(logits, 7, { splits: 3, seed: undefined });
  expectClose([got.mean, got.std], [mean, std], "score", { relative: 1e-12 });
  assert.equal([got.images, got.splits], [23, 3]);
});

test("images that come class by class are dealt out, the same way for the same seed", () => {
  const classes = 10;
  const sorted = Array.from({ length: 200 * classes }, (_, at) =>
    at % classes === Math.floor(at / classes / 20) ? 50 : 0,
  );
  const given = inceptionScore(sorted, classes, { seed: undefined });
  expectClose([given.mean, given.std], [1, 0], "in the order given", { absolute: 1e-9 });
  const dealt = inceptionScore(sorted, classes);
  assert.ok(dealt.mean > 7 && dealt.mean < 10, `dealt out: ${dealt.mean}`);
  assert.is(dealt.splits, 10);
  assert.equal(inceptionScore(sorted, classes, { seed: 0 }), dealt);
  assert.not.equal(inceptionScore(sorted, classes, { seed: 1 }), dealt);
});

test("a constant added to an image's logits changes nothing, however large", () => {
  const logits = Float64Array.from(normalLogits(20 * 4, 2));
  const moved = logits.map((value, at) => value + (Math.floor(at / 4) % 2 ? 4096 : -4096));
  const [got, want] = [moved, logits].map((values) => inceptionScore(values, 4, { splits: 2 }).mean);
  expectClose([got!], [want!], "score", { relative: 1e-9 });
});

test("rows that are not whole, too few images and logits that are not finite are refused", () => {
  assert.throws(() => inceptionScore(new Float32Array(31), 3), /want rows of 3 logits, got 31/);
  assert.throws(() => inceptionScore(new Float32Array(27), 3), /one image a split \(10\), got 9/);
  assert.throws(
    () => inceptionScore(new Float32Array(27), 3, { splits: 0 }),
    /splits wants a whole number above 0, got 0/,
  );
  const broken = new Float32Array(30);
  broken[4] = Number.NaN;
  assert.throws(() => inceptionScore(broken, 3), /image 1 has the logit NaN/);
});

test.run();
