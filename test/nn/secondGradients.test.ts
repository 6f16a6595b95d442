import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/nn/secondGradients.js";
import { expectClose } from "../support.js";
import { convByLoops } from "./support/convolution.js";
import { normals, numbersOf, onCpu, tensorOf } from "./support/eager.js";
import { centralDifferences, inner, type Numbers } from "./support/loops.js";

const test = suite("nn/secondGradients");

test("tfjs knows the gradients of all convolution gradients", () => {
  for (const kernel of [
    "Conv2DBackpropInput",
    "Conv2DBackpropFilter",
    "DepthwiseConv2dNativeBackpropInput",
    "DepthwiseConv2dNativeBackpropFilter",
  ])
    assert.ok(tf.getGradient(kernel), kernel);
});

test("the gradient of |dL/dw|^2 by image and weights is that of the definition", () => {
  // L = sum r (x * w)^2 / 2, so dL/dw[a, b] = sum over pixels of x shifted, times r (x * w).
  const [x, w, r] = [normals(1, [1, 4, 4, 1]), normals(2, [2, 2, 1, 1]), normals(3, [1, 3, 3, 1])];
  const conv = (images: Numbers, weights: Numbers) =>
    convByLoops(
      { shape: [1, 4, 4, 1], values: images },
      { kernel: { shape: [2, 2, 1, 1], values: weights }, stride: 1, before: 0, out: [3, 3] },
    );
  const squared = (images: Numbers, weights: Numbers) => {
    const y = conv(images, weights).map((value, i) => value * r.values[i]!);
    const unit = (i: number) => [0, 1, 2, 3].map((k) => (k === i ? 1 : 0));
    return [0, 1, 2, 3].reduce((sum, i) => sum + inner(conv(images, unit(i)), y) ** 2, 0);
  };
  const loss = (image: tf.Tensor, weights: tf.Tensor) => {
    const inside = (v: tf.Tensor) => {
      const y = tf.conv2d(image as tf.Tensor4D, v as tf.Tensor4D, 1, "valid");
      return tf.sum(tf.mul(tf.square(y), tf.mul(tensorOf(r), 0.5)));
    };
    return tf.sum(tf.square(tf.grad(inside)(weights)));
  };
  const [byImage, byWeights] = onCpu(() =>
    tf
      .grads(loss)([tensorOf(x), tensorOf(w)])
      .map(numbersOf),
  );
  const wantedByImage = centralDifferences((p) => squared(p, w.values), x.values);
  expectClose(byImage!, wantedByImage, "by image", { relative: 1e-5 });
  const wantedByWeights = centralDifferences((p) => squared(x.values, p), w.values);
  expectClose(byWeights!, wantedByWeights, "by weights", { relative: 1e-5 });
});

test.run();
