import * as tf from "@tensorflow/tfjs";
import { customGradient } from "./customGradient.js";

/**
 * `max(x, slope x)` for a slope in [0, 1), twice differentiable: tfjs's own gradient compares, and comparisons have none.
 */
export function leakyRelu(x: tf.Tensor, slope: number): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (input) => ({ value: tf.leakyRelu(input, slope), saved: [input] }),
      backward: (dy, [input]) => [tf.mul(dy, tf.step(input!, slope))],
    },
    x,
  );
}
