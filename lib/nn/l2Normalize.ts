import * as tf from "@tensorflow/tfjs";

/** Norms below this count as this, so that a zero vector stays zero. */
const SMALLEST_NORM = 1e-12;

/** `x / max(|x|, 1e-12)` over the last axis: rows on the unit sphere. */
export function l2Normalize(x: tf.Tensor): tf.Tensor {
  const squares = tf.sum(tf.square(x), -1, true);
  return tf.mul(x, tf.rsqrt(tf.maximum(squares, SMALLEST_NORM ** 2)));
}
