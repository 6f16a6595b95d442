import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../lib/engine/eager.js";
import { compileSoftmaxObjective, softmaxStep } from "../../lib/probe/softmaxObjective.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("probe/softmaxObjective");

const [N, D, C, L2] = [7, 4, 3, 0.25];
const { normal } = rngFrom(3);
const features = Float32Array.from({ length: N * D }, normal);
const labels = Int32Array.of(0, 1, 2, 2, 1, 0, 2);
const parameters = Float64Array.from({ length: (D + 1) * C }, normal);

/** The loss in float64, written row by row. */
function slowLoss(p: Float64Array): number {
  let loss = 0;
  for (let n = 0; n < N; n++) {
    const logits = [0, 1, 2].map((c) => {
      let sum = p[D * C + c]!;
      for (let d = 0; d < D; d++) sum += features[n * D + d]! * p[d * C + c]!;
      return sum;
    });
    loss += (Math.log(logits.reduce((sum, each) => sum + Math.exp(each), 0)) - logits[labels[n]!]!) / N;
  }
  return loss + (L2 / 2) * p.subarray(0, D * C).reduce((sum, w) => sum + w * w, 0);
}

test("has the value and gradient of the definition", async () => {
  const objective = await compileSoftmaxObjective(await createEagerEngine("cpu"), { features, labels, classes: C });
  assert.is(objective.parameters, 15);
  const { value, gradient } = await objective.evaluate(parameters, L2);
  expectClose([value], [slowLoss(parameters)], "loss", { relative: 1e-6 });
  const differences = parameters.map((_, i) => {
    const moved = (by: number) => slowLoss(parameters.map((p, j) => (i === j ? p + by : p)));
    return (moved(1e-5) - moved(-1e-5)) / 2e-5;
  });
  expectClose(gradient, differences, "gradient", { relative: 1e-6 });
  await objective.dispose();
});

test("has the gradient that the tape finds for its own loss", () => {
  const step = softmaxStep({ rows: N, classes: C });
  withBackend("cpu", () =>
    tf.tidy(() => {
      const given = {
        features: tf.tensor(features, [N, D]),
        labels: tf.tensor(labels, [N], "int32"),
        l2: tf.scalar(L2),
      };
      const weights = tf.tensor(Float32Array.from(parameters.subarray(0, D * C)), [D, C]);
      const bias = tf.tensor(Float32Array.from(parameters.subarray(D * C)), [C]);
      const loss = (weights: tf.Tensor, bias: tf.Tensor) => step({ ...given, weights, bias })["loss"]!;
      const [byWeights, byBias] = tf.grads(loss)([weights, bias]);
      const { weightsGradient, biasGradient } = step({ ...given, weights, bias });
      expectClose(weightsGradient!.dataSync(), byWeights!.dataSync(), "by weights", { relative: 1e-6 });
      expectClose(biasGradient!.dataSync(), byBias!.dataSync(), "by bias", { relative: 1e-6 });
    }),
  );
});

test("is log C at zero weights, also for logits that would overflow a plain softmax", async () => {
  const objective = await compileSoftmaxObjective(await createEagerEngine("cpu"), { features, labels, classes: C });
  const zero = await objective.evaluate(new Float64Array(15), L2);
  expectClose([zero.value], [Math.log(3)], "loss", { relative: 1e-6 });
  const large = await objective.evaluate(
    new Float64Array(15).fill(0).map((_, i) => (i === 12 ? 1000 : 0)),
    L2,
  );
  expectClose([large.value], [(1000 * 5) / 7], "loss with a bias of 1000 on class 0", { relative: 1e-6 });
});

test("refuses labels outside the classes and features that do not divide", async () => {
  const engine = await createEagerEngine("cpu");
  const refused = (data: { features: Float32Array; labels: Int32Array }, pattern: RegExp) =>
    expectRejection(compileSoftmaxObjective(engine, { ...data, classes: C }), RangeError, pattern);
  await refused({ features, labels: labels.map((label) => label + 1) }, /row 2 has label 3, want 0\.\.2/);
  await refused({ features: features.subarray(1), labels }, /for each of 7 labels, got 27/);
});

test.run();
