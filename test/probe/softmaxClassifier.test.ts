import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import type { Engine } from "../../lib/engine/types.js";
import { accuracy } from "../../lib/probe/judge.js";
import {
  fitSoftmaxClassifier,
  fitWithSelection,
  L2_GRID,
  type SoftmaxClassifier,
} from "../../lib/probe/softmaxClassifier.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("probe/softmaxClassifier");

const engine = await createEagerEngine("cpu");

type Data = { features: Float32Array; labels: Int32Array; classes: number };

/** Three overlapping clouds in `dim` features of very different size, the last feature constant. */
function clouds(rows: number, dim: number, seed: number): Data {
  const { normal } = rngFrom(seed);
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
  const features = new Float32Array(rows * dim);
  for (let i = 0; i < features.length; i++) {
    const [row, d] = [Math.floor(i / dim), i % dim];
    const centre = d === labels[row] ? 1.5 : 0;
    features[i] = d === dim - 1 ? 7 : 10 ** (d - 1) * (normal() + centre + 5);
  }
  return { features, labels, classes: 3 };
}

/** Gradient of the regularized loss in float64, by weights [D, C], then biases [C]. */
function slowGradient(
  { mean, scale, weights, bias, fit }: SoftmaxClassifier,
  { features, labels }: Data,
): Float64Array {
  const [D, C, N] = [mean.length, bias.length, labels.length];
  const gradient = new Float64Array((D + 1) * C);
  for (let w = 0; w < D * C; w++) gradient[w] = fit.l2 * weights[w]!;
  for (let n = 0; n < N; n++) {
    const x = Array.from(mean, (m, d) => (features[n * D + d]! - m) / scale[d]!);
    const e = Array.from(bias, (b, c) => Math.exp(x.reduce((sum, value, d) => sum + value * weights[d * C + c]!, b)));
    const total = e.reduce((a, b) => a + b, 0);
    for (let c = 0; c < C; c++) {
      const residual = (e[c]! / total - (labels[n] === c ? 1 : 0)) / N;
      for (let d = 0; d < D; d++) gradient[d * C + c]! += residual * x[d]!;
      gradient[D * C + c]! += residual;
    }
  }
  return gradient;
}

test("converges to where the float64 gradient vanishes, a constant feature among the others", async () => {
  const data = clouds(60, 5, 1);
  const classifier = await fitSoftmaxClassifier({ ...data, engine, l2: 0.01, tolerance: 1e-5 });
  assert.ok(classifier.fit.converged, classifier.fit.reason);
  expectClose(slowGradient(classifier, data), new Float64Array(18), "gradient", { absolute: 1e-5 });
  expectClose(classifier.weights.subarray(12), [0, 0, 0], "weights of the constant feature", { absolute: 1e-6 });
  const atZero = { ...classifier, weights: new Float64Array(15), bias: new Float64Array(3) };
  assert.ok(
    slowGradient(atZero, data).some((g) => Math.abs(g) > 0.1),
    "the gradient did not vanish at the start",
  );
});

test("finds the published shape of one feature and two classes: log odds of the counts at strong l2", async () => {
  // With the weights held at 0 by the penalty, the biases alone fit the class frequencies 3 : 1.
  const classifier = await fitSoftmaxClassifier({
    engine,
    features: Float32Array.of(1, 2, 3, 4),
    labels: Int32Array.of(0, 0, 0, 1),
    classes: 2,
    l2: 1e6,
  });
  expectClose(classifier.weights, [0, 0], "weights", { absolute: 1e-5 });
  expectClose([classifier.bias[0]! - classifier.bias[1]!], [Math.log(3)], "log odds", { absolute: 1e-3 });
});

test("predicts rows it has not seen, and leaks no tensors", async () => {
  const before = tf.memory().numTensors;
  const classifier = await fitSoftmaxClassifier({ ...clouds(90, 5, 1), engine, l2: 0.01 });
  const unseen = clouds(300, 5, 2);
  const { top1, top5 } = accuracy(classifier, unseen);
  assert.ok(top1 > 0.65 && top1 < 0.98, `top-1 ${top1}`);
  assert.is(top5, 1, "three classes are all among the five best");
  assert.is(tf.memory().numTensors, before);
});

test("selects l2 on held-out rows: strong where features are many and mostly noise", async () => {
  // 60 rows, 40 features, one of them useful: a weak penalty fits the noise.
  const { normal } = rngFrom(4);
  const labels = Int32Array.from({ length: 60 }, (_, i) => i % 2);
  const features = Float32Array.from(
    { length: 60 * 40 },
    (_, i) => normal() + (i % 40 === 0 ? 1.5 * labels[i / 40]! : 0),
  );
  const options = { engine, features, labels, classes: 2, seed: 1, heldOutShare: 0.3, l2Grid: [1, 1e-5] };
  const { classifier, trials } = await fitWithSelection(options);
  assert.equal(
    trials.map(({ l2 }) => l2),
    [1, 1e-5],
  );
  assert.ok(trials[0]!.heldOutTop1 > trials[1]!.heldOutTop1, JSON.stringify(trials));
  assert.is(classifier.fit.l2, 1);
  const plain = await fitSoftmaxClassifier({ engine, features, labels, classes: 2, l2: 1 });
  assert.equal(classifier, plain, "the chosen l2 is fitted on all rows");
});

test("holds out whole images: views of one image never tell of each other", async () => {
  // The label of an image is noise and its first feature its number, which both of its views have.
  const { integer } = rngFrom(5);
  const [images, views, dim] = [80, 2, 80];
  const labels = Int32Array.from({ length: images * views }, () => 0);
  const features = new Float32Array(images * views * dim);
  for (let image = 0; image < images; image++) {
    const label = integer(2);
    for (let view = 0; view < views; view++) {
      labels[image * views + view] = label;
      features[(image * views + view) * dim + image] = 1;
    }
  }
  const options = { engine, features, labels, classes: 2, seed: 1, heldOutShare: 0.1, l2Grid: [1e-5] };
  const apart = await fitWithSelection(options);
  const together = await fitWithSelection({ ...options, views });
  assert.ok(apart.trials[0]!.heldOutTop1 > 0.8, "a row whose twin was fitted is known by heart");
  assert.ok(together.trials[0]!.heldOutTop1 < 0.75, `held out together: ${together.trials[0]!.heldOutTop1}`);
});

test("selects the strongest of equally good l2, in whatever order they come", async () => {
  const features = Float32Array.from({ length: 40 }, (_, i) => (i % 2) * 4 + (i % 5) / 10);
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);
  const { classifier } = await fitWithSelection({
    engine,
    features,
    labels,
    classes: 2,
    seed: 1,
    l2Grid: [1e-3, 1e-1, 1e-2],
  });
  assert.is(classifier.fit.l2, 0.1);
  assert.equal(
    [...L2_GRID].sort((a, b) => b - a),
    L2_GRID,
    "the default grid goes from strong to weak",
  );
});

test("needs few steps where features are nearly the same, as those of neighbouring pixels are", async () => {
  const { normal } = rngFrom(6);
  const [rows, dim] = [120, 12];
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
  const features = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    let walk = labels[row]! + normal();
    for (let d = 0; d < dim; d++) features[row * dim + d] = walk += 0.05 * normal();
  }
  const { fit } = await fitSoftmaxClassifier({ engine, features, labels, classes: 3, l2: 1e-4 });
  assert.ok(fit.converged && fit.iterations < 60, JSON.stringify(fit)); // without whitening, 157
});

test("is done at once where features say nothing", async () => {
  const labels = Int32Array.from({ length: 30 }, (_, i) => i % 3);
  const features = new Float32Array(30 * 4).fill(0.1);
  const { fit } = await fitSoftmaxClassifier({ engine, features, labels, classes: 3, l2: 1e-4 });
  assert.ok(fit.converged && fit.iterations === 0, JSON.stringify(fit));
});

test("a trial ends in the same place wherever on the grid it begins", async () => {
  const options = { ...clouds(90, 5, 1), engine, seed: 1 };
  const alone = await fitWithSelection({ ...options, l2Grid: [1e-3] });
  const after = await fitWithSelection({ ...options, l2Grid: [1, 1e-1, 1e-3] });
  expectClose([after.trials[2]!.fit.value], [alone.trials[0]!.fit.value], "loss at 1e-3", { relative: 1e-4 });
  assert.ok(after.trials.every(({ fit }) => fit.converged));
});

test("disposes its program, also when a run fails", async () => {
  const data = clouds(30, 5, 1);
  let alive = 0;
  const counting = (fails: boolean): Engine => ({
    ...engine,
    async compile(step, options) {
      const program = await engine.compile(step, options);
      alive++;
      const run = async () => Promise.reject(new Error("out of memory"));
      const dispose = async () => {
        alive--;
        await program.dispose();
      };
      return { ...program, dispose, ...(fails ? { run } : {}) };
    },
  });
  await fitSoftmaxClassifier({ ...data, engine: counting(false), l2: 1 });
  assert.is(alive, 0);
  const failed = fitSoftmaxClassifier({ ...data, engine: counting(true), l2: 1 });
  await expectRejection(failed, Error, /^out of memory$/);
  assert.is(alive, 0);
});

test("refuses a negative l2 and an empty grid", async () => {
  const data = clouds(30, 5, 1);
  const message = (fit: Promise<unknown>) =>
    fit.then(
      () => "nothing was thrown",
      (error: Error) => error.message,
    );
  assert.match(await message(fitSoftmaxClassifier({ ...data, engine, l2: -1 })), "want l2 >= 0, got -1");
  assert.match(await message(fitWithSelection({ ...data, engine, seed: 1, l2Grid: [] })), "at least one l2");
});

test.run();
