import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";

/**
 * Where output pixel `i` looks in the input, with `s = from / to`:
 * `half-pixel`: `max(0, s (i + 1/2) - 1/2)`, pixels have area (PyTorch's `align_corners=False`, TensorFlow 2);
 * `top-left`: `s i`, pixels are points and the picture moves half a pixel (TensorFlow 1's `align_corners=False`).
 */
export type PixelGrid = "half-pixel" | "top-left";

export type BilinearOptions = { readonly height: number; readonly width: number; readonly grid: PixelGrid };

/**
 * Bilinear interpolation to another size, without low-pass filter when shrinking, as two products with constant
 * matrices: `R_height x R_width^T` for every channel, in float32 on every engine.
 * @param x [B, H, W, C]
 * @returns [B, height, width, C]
 * @throws RangeError when a side is not a whole number above 0
 */
export function resizeBilinear(x: tf.Tensor, { height, width, grid }: BilinearOptions): tf.Tensor {
  const [, H, W] = x.shape as [number, number, number, number];
  if (H === height && W === width) return x;
  const weights = (from: number, to: number) => tf.tensor2d(bilinearMatrix({ from, to, grid }), [to, from]);
  const planes = tf.transpose(x, [0, 3, 1, 2]); // [B, C, H, W]
  const resized = fullPrecision(() => {
    const wide = tf.matMul(planes, weights(W, width), false, true); // [B, C, H, width]
    return tf.matMul(weights(H, height), wide);
  });
  return tf.transpose(resized, [0, 2, 3, 1]);
}

/**
 * Weights of linear interpolation along one axis, [to, from] row by row: two neighbours in each row, which sum to 1;
 * beyond the last pixel it is repeated. Positions are rounded to float32 as PyTorch and TensorFlow do, for the same
 * weights to the last bit.
 * @throws RangeError when a side is not a whole number above 0
 */
export function bilinearMatrix(axis: {
  readonly from: number;
  readonly to: number;
  readonly grid: PixelGrid;
}): Float32Array {
  const { from, to, grid } = axis;
  for (const side of [from, to])
    if (!Number.isInteger(side) || side < 1)
      throw new RangeError(`resizeBilinear: want sides of whole pixels above 0, got ${from} to ${to}`);
  const scale = Math.fround(from / to);
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = grid === "top-left" ? Math.fround(scale * i) : halfPixel(scale, i);
    const low = Math.min(Math.floor(at), from - 1);
    const share = Math.fround(at - low);
    const high = Math.min(low + 1, from - 1);
    matrix[i * from + low]! += Math.fround(1 - share);
    matrix[i * from + high]! += share;
  }
  return matrix;
}

function halfPixel(scale: number, i: number): number {
  return Math.max(0, Math.fround(Math.fround(scale * (i + 0.5)) - 0.5));
}
