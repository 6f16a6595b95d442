import * as tf from "@tensorflow/tfjs";
import { customGradient } from "./customGradient.js";

/**
 * Images of twice the height and width, every pixel repeated in a square of four; the gradient adds each four up.
 * @param x [B, H, W, C]
 * @returns [B, 2 H, 2 W, C]
 */
export function nearestUpsample(x: tf.Tensor): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (images) => ({ value: repeated(images), saved: [] }),
      backward: (dy) => [tf.mul(tf.avgPool(dy as tf.Tensor4D, 2, 2, "valid"), 4)],
    },
    x,
  );
}

/** Channel by channel, which is the order convolutions leave images in: there all of this is one repetition. */
function repeated(images: tf.Tensor): tf.Tensor {
  const [B, H, W, C] = images.shape as [number, number, number, number];
  const rows = tf.reshape(tf.transpose(images, [0, 3, 1, 2]), [B * C * H, 1, W, 1]);
  const squares = tf.mul(rows, tf.ones([1, 2, 1, 2])); // [B C H, 2, W, 2]
  return tf.transpose(tf.reshape(squares, [B, C, 2 * H, 2 * W]), [0, 2, 3, 1]);
}
