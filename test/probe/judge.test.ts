import { suite } from "uvu";
import * as assert from "uvu/assert";
import { accuracy, classAccuracies, judge } from "../../lib/probe/judge.js";
import type { SoftmaxClassifier } from "../../lib/probe/softmaxClassifier.js";

const test = suite("probe/judge");

/** Gives its six features back as logits. */
const passThrough: SoftmaxClassifier = {
  mean: new Float64Array(6),
  scale: new Float64Array(6).fill(1),
  weights: Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
  bias: new Float64Array(6),
  fit: { l2: 0, value: 0, gradientNorm: 0, iterations: 0, evaluations: 0, converged: true, reason: "gradient" },
};

test("counts a label that is best as top-1, among the five best as top-5", () => {
  const row = [0.1, 0.9, 0.3, 0.7, 0.5, 0.2]; // best to worst: 1 3 4 2 5 0
  const hits = (label: number) =>
    accuracy(passThrough, { features: Float32Array.from(row), labels: Int32Array.of(label) });
  assert.equal([1, 3, 5, 0].map(hits), [
    { top1: 1, top5: 1 },
    { top1: 0, top5: 1 },
    { top1: 0, top5: 1 },
    { top1: 0, top5: 0 },
  ]);
  assert.equal(accuracy(passThrough, { features: Float32Array.from([...row, ...row]), labels: Int32Array.of(1, 0) }), {
    top1: 0.5,
    top5: 0.5,
  });
});

test("does not call a tie of all logits right for every label", () => {
  const ties = accuracy(passThrough, { features: new Float32Array(36), labels: Int32Array.of(0, 1, 2, 3, 4, 5) });
  assert.equal(ties, { top1: 1 / 6, top5: 5 / 6 });
});

test("standardizes what it is asked about by what it was fitted on", () => {
  const shifted = {
    ...passThrough,
    mean: Float64Array.of(5, 0, 0, 0, 0, 0),
    scale: Float64Array.of(1, 10, 1, 1, 1, 1),
  };
  assert.is(accuracy(shifted, { features: Float32Array.of(5.5, 6, 0.7, 0, 0, 0), labels: Int32Array.of(2) }).top1, 1);
});

test("refuses rows of another width and logits that are not finite", () => {
  assert.throws(
    () => accuracy(passThrough, { features: new Float32Array(5), labels: Int32Array.of(0) }),
    /want 6 features a row, got 5/,
  );
  const broken = new Float32Array(6).fill(Number.NaN);
  assert.throws(
    () => accuracy(passThrough, { features: broken, labels: Int32Array.of(0) }),
    /row 0 has logits that are not finite/,
  );
});

test("counts what each class is taken for, a row a class", () => {
  const features = Float32Array.of(9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0);
  const { confusion, top1 } = judge(passThrough, { features, labels: Int32Array.of(0, 2, 0, 2) });
  const wanted = new Uint32Array(36);
  wanted[0 * 6 + 0] = 1;
  wanted[0 * 6 + 2] = 1;
  wanted[2 * 6 + 2] = 1;
  wanted[2 * 6 + 1] = 1;
  assert.equal(confusion, wanted);
  assert.is(top1, 0.5);
  const none = { images: 0, top1: null };
  assert.equal(classAccuracies(confusion), [
    { images: 2, top1: 0.5 },
    none,
    { images: 2, top1: 0.5 },
    none,
    none,
    none,
  ]);
});

test("judges an image by the mean probability of its views, not by the mean logit or a vote", () => {
  // softmax of two classes at 0 and 4 (the others far below): 0.98 for class 1; of 1 and 0: 0.73 for class 0.
  const view = (a: number, b: number) => [a, b, -99, -99, -99, -99];
  const features = Float32Array.of(...view(0, 4), ...view(1, 0), ...view(1, 0));
  const labels = Int32Array.of(0, 0, 0);
  assert.is(judge(passThrough, { features, labels }).top1, 2 / 3, "as three images");
  // Means: class 0 has (0.018 + 0.731 + 0.731) / 3 = 0.493; logits would add up to 2 against 4, votes to 2 against 1.
  assert.is(judge(passThrough, { features, labels, views: 3 }).top1, 0);
  const wide = Float32Array.of(...view(0, 40), ...view(1, 0), ...view(1.5, 0));
  // Means: (0 + 0.731 + 0.818) / 3 = 0.516, although the logits of class 1 add up to far more.
  assert.is(judge(passThrough, { features: wide, labels, views: 3 }).top1, 1);
  assert.throws(() => judge(passThrough, { features, labels, views: 2 }), /want 2 rows an image, got 3 rows/);
});

test.run();
