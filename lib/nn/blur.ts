import * as tf from "@tensorflow/tfjs";
import "./secondGradients.js";

const TAPS = [1, 3, 3, 1];

/**
 * Low-pass filter before halving: each channel with the 4x4 kernel `[1, 3, 3, 1] x [1, 3, 3, 1] / 64`, stride 1.
 * Source: Karras et al. 2020, arXiv:1912.04958 (StyleGAN2's down-sampling).
 * @param x [B, H, W, C]
 * @param pad zeros on each side; 2 gives [B, H + 1, W + 1, C], 1 gives [B, H - 1, W - 1, C]
 */
export function blur(x: tf.Tensor, pad: number): tf.Tensor {
  const channels = x.shape[3]!;
  const kernel = TAPS.flatMap((a) => TAPS.map((b) => (a * b) / 64));
  const filter = tf.tensor4d(
    kernel.flatMap((value) => new Array<number>(channels).fill(value)),
    [4, 4, channels, 1],
  );
  const padded = tf.pad(x as tf.Tensor4D, [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ]);
  return tf.depthwiseConv2d(padded, filter, 1, "valid");
}
