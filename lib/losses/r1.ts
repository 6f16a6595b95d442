import * as tf from "@tensorflow/tfjs";

/**
 * R1 gradient penalty `gamma / 2 * mean_b |dD/dx_b|^2`, the squared norm summed over pixels and channels.
 * Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9.
 * @param discriminator logits [B] of images; it must be twice differentiable
 * @param images real images [B, H, W, C] in the range in which the penalty is meant
 */
export function r1Penalty(
  discriminator: (images: tf.Tensor) => tf.Tensor,
  images: tf.Tensor,
  gamma: number,
): tf.Scalar {
  const slope = tf.grad((x: tf.Tensor) => tf.sum(discriminator(x)))(images);
  return tf.mul(tf.mean(tf.sum(tf.square(slope), [1, 2, 3])), gamma / 2);
}
