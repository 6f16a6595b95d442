import * as tf from "@tensorflow/tfjs";
import { type CustomGradient, customGradient } from "../nn/customGradient.js";

/**
 * Mean cross-entropy `-mean_i ln softmax(logits_i)[target_i]`, in nats.
 * @param logits [M, K]
 * @param targets int32 [M] in 0..K-1
 */
export function crossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  const [M, K] = logits.shape as [number, number];
  const oneHot = (of: tf.Tensor) => tf.oneHot(of as tf.Tensor1D, K); // [M, K]; made anew for the backward pass
  const operation: CustomGradient<[tf.Tensor]> = {
    forward: (x) => {
      const logProbabilities = tf.logSoftmax(x);
      const value = tf.div(tf.neg(tf.sum(tf.mul(logProbabilities, oneHot(targets)))), M);
      return { value, saved: [logProbabilities, targets] };
    },
    // d/dlogits = (softmax - one-hot) / M
    backward: (dy, [logProbabilities, of]) => [tf.mul(tf.sub(tf.exp(logProbabilities!), oneHot(of!)), tf.div(dy, M))],
  };
  return customGradient(operation, logits) as tf.Scalar;
}
