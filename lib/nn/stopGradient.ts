import * as tf from "@tensorflow/tfjs";

const blocked = tf.customGrad((x) => ({
  value: tf.clone(x as tf.Tensor),
  gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
}));

/** sg(x): x going forward, zero gradient going back. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return blocked(x) as T;
}
