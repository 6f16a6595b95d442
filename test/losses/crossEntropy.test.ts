import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crossEntropy } from "../../lib/losses/crossEntropy.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { expectClose } from "../support.js";

const test = suite("losses/crossEntropy");

const LOGITS = normals(3, [5, 7], 2);
const TARGETS = [0, 6, 3, 3, 1];

/** The same loss as tfjs would differentiate it, by a different road: the log of a sum of exponentials. */
function composed(logits: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  const chosen = tf.sum(tf.mul(logits, tf.oneHot(targets as tf.Tensor1D, 7)), -1);
  return tf.mean(tf.sub(tf.logSumExp(logits, -1), chosen));
}

function valueAndGradient(loss: (x: tf.Tensor, targets: tf.Tensor) => tf.Scalar) {
  return onCpu(() => {
    const targets = tf.tensor1d(TARGETS, "int32");
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.mul(loss(x, targets), 3) as tf.Scalar)(
      tensorOf(LOGITS),
    );
    return { value: numbersOf(value), gradient: numbersOf(grad) };
  });
}

test("two rows worked by hand", () => {
  const loss = onCpu(() =>
    numbersOf(crossEntropy(tf.tensor2d([Math.log(3), 0, 0, Math.log(2)], [2, 2]), tf.tensor1d([0, 0], "int32"))),
  );
  expectClose(loss, [(Math.log(4 / 3) + Math.log(3)) / 2], "loss", { absolute: 1e-6 });
});

test("value and gradient are those of the composition, under an upstream gradient other than 1", () => {
  const [got, want] = [valueAndGradient(crossEntropy), valueAndGradient(composed)];
  expectClose(got.value, want.value, "value", { relative: 1e-6 });
  expectClose(got.gradient, want.gradient, "gradient", { relative: 1e-6 });
});

test("targets that are computed on the way are still there for the gradient", () => {
  const computed = (x: tf.Tensor, targets: tf.Tensor) => crossEntropy(x, tf.add(targets, tf.zerosLike(targets)));
  const [got, want] = [valueAndGradient(computed), valueAndGradient(crossEntropy)];
  assert.equal(got, want);
});

test("logits far from zero overflow nothing", () => {
  const loss = onCpu(() =>
    numbersOf(crossEntropy(tf.tensor2d([1000, -1000, -1000, 1000], [2, 2]), tf.tensor1d([0, 0], "int32"))),
  );
  expectClose(loss, [1000], "loss", { relative: 1e-6 });
});

test("what is impossible, and not asked for, takes no part", () => {
  const logits = tf.tensor2d([0, Number.NEGATIVE_INFINITY, Math.log(3)], [1, 3]);
  const [loss, gradient] = onCpu(() => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => crossEntropy(x, tf.tensor1d([2], "int32")))(logits);
    return [numbersOf(value), numbersOf(grad)];
  });
  expectClose(loss!, [Math.log(4 / 3)], "loss", { absolute: 1e-6 });
  expectClose(gradient!, [0.25, 0, -0.25], "gradient", { absolute: 1e-6 });
});

test("the graph computes the same value and gradient", async () => {
  const operands = [given(LOGITS.values, LOGITS.shape), given(TARGETS, [TARGETS.length], "int32")];
  const f = (x: tf.Tensor, targets: tf.Tensor) => crossEntropy(x, targets);
  await compareEngines("cross-entropy", [{ name: "five rows", operands, f }]);
});

test.run();
