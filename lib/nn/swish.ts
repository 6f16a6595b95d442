import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { customGradient } from "./customGradient.js";

/**
 * Swish (SiLU): `x sigmoid(x)`. Its gradient keeps x alone and takes the sigmoid once more; it can be differentiated
 * again.
 * Source: Ramachandran et al. 2017, arXiv:1710.05941, with beta = 1.
 */
export function swish(x: tf.Tensor): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (value) => ({ value: tf.mul(value, tf.sigmoid(value)), saved: [value] }),
      backward: (dy, [value]) => [tf.mul(dy, slope(value!))],
    },
    x,
  );
}

/** With s = sigmoid(x): `s (1 + x (1 - s))`. */
function slope(x: tf.Tensor): tf.Tensor {
  return recomputed(() => {
    const s = tf.sigmoid(x);
    return tf.mul(s, tf.add(tf.mul(x, tf.sub(1, s)), 1));
  });
}
