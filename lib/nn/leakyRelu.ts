import * as tf from "@tensorflow/tfjs";
import { customGradient } from "./customGradient.js";

/**
 * `x` where positive, `slope * x` elsewhere. Its gradient `dy * step(x)` can be differentiated again; that of tfjs,
 * made of a comparison, cannot.
 * Source: Maas et al. 2013.
 */
export function leakyRelu(x: tf.Tensor, slope: number): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (value) => ({ value: tf.leakyRelu(value, slope), saved: [value] }),
      backward: (dy, [value]) => [tf.mul(dy, tf.step(value!, slope))],
    },
    x,
  );
}
