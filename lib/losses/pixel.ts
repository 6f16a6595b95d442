import * as tf from "@tensorflow/tfjs";

/** `mean((a - b)^2)` over all elements. */
export function l2Loss(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  return tf.mean(tf.square(tf.sub(a, b)));
}

/** `mean(|a - b|)` over all elements. */
export function l1Loss(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  return tf.mean(tf.abs(tf.sub(a, b)));
}
