import * as tf from "@tensorflow/tfjs";
import { type CustomGradient, customGradient } from "../nn/customGradient.js";

/**
 * Mean cross-entropy `-mean_i ln softmax(logits_i)[target_i]`, in nats.
 * @param logits [M, K]
 * @param targets int32 [M] in 0..K-1
 */
export function crossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  const [M, K] = logits.shape as [number, number];
  const operation: CustomGradient<[tf.Tensor]> = {
    forward: (x) => {
      const shifted = tf.sub(x, tf.max(x, 1, true)); // so that nothing overflows
      const ofTargets = tf.sum(tf.where(isTarget(targets, K), shifted, tf.zerosLike(shifted)));
      const exponentials = tf.exp(shifted);
      const sums = tf.sum(exponentials, 1, true);
      return { value: tf.div(tf.sub(tf.sum(tf.log(sums)), ofTargets), M), saved: [exponentials, sums, targets] };
    },
    // d/dlogits = (softmax - one-hot) / M
    backward: (dy, [exponentials, sums, of]) => {
      const share = tf.div(dy, M);
      const atTargets = tf.where(isTarget(of!, K), share, tf.zerosLike(exponentials!));
      return [tf.sub(tf.mul(exponentials!, tf.div(share, sums!)), atTargets)];
    },
  };
  return customGradient(operation, logits) as tf.Scalar;
}

/** Whether an element is that of its row's target, bool [M, K]. */
function isTarget(targets: tf.Tensor, K: number): tf.Tensor {
  return tf.equal(tf.expandDims(targets, 1), tf.range(0, K, 1, "int32"));
}
