import * as tf from "@tensorflow/tfjs";
import { valueAndGradients } from "../nn/gradients.js";

/**
 * Gradient penalty on real images: `gamma / 2 * mean_b |dD(x_b)/dx_b|^2`, summed over pixels and channels.
 *
 * Differentiating it by the parameters of D takes second gradients of everything in D. Where it is computed only every
 * so many steps, the caller multiplies it by that number (lazy regularisation, Karras et al. 2020).
 * Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9.
 * @param discriminator logits [B] of images
 * @param images real images, [B, H, W, C]
 */
export function r1Penalty(
  discriminator: (images: tf.Tensor) => tf.Tensor,
  images: tf.Tensor,
  gamma: number,
): tf.Scalar {
  // The gradient of the sum holds every image's own, and what images of one batch do to each other's logits.
  const sum = () => ({ loss: tf.sum(discriminator(images)) as tf.Scalar });
  const { gradients } = valueAndGradients(sum, { images });
  return tf.mul(tf.sum(tf.square(gradients["images"]!)), gamma / 2 / images.shape[0]!);
}
