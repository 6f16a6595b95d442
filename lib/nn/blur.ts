import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { customGradient } from "./customGradient.js";

export type BlurOptions = {
  /** Zeros added on each side. */
  readonly pad: number;
  /** Every how manieth pixel of the blurred image is computed. */
  readonly stride?: number;
};

const TAPS = [1, 3, 3, 1].map((weight) => weight / 8);

/**
 * Low-pass filter before downsampling: every channel convolved with the outer product of [1, 3, 3, 1] with itself,
 * divided by 64. Its gradient may be differentiated any number of times.
 * Source: Karras et al. 2020, arXiv:1912.04958, after Zhang 2019, arXiv:1904.11486.
 * @param x [B, H, W, C]
 * @returns [B, floor((H + 2 pad - 4) / stride) + 1, the same of W, C]
 */
export function blur(x: tf.Tensor, { pad, stride = 1 }: BlurOptions): tf.Tensor {
  const [, height, width] = x.shape as [number, number, number, number];
  return blurred(x, { pad, stride, height, width });
}

/** How an image of `height` and `width` is blurred. */
type Blur = { readonly pad: number; readonly stride: number; readonly height: number; readonly width: number };

/** The blur is linear, so its gradient is its transpose, whose gradient is the blur again. */
function blurred(x: tf.Tensor, how: Blur): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    { forward: (value) => ({ value: filtered(value, how), saved: [] }), backward: (dy) => [transposed(dy, how)] },
    x,
  );
}

function transposed(dy: tf.Tensor, how: Blur): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    { forward: (value) => ({ value: spread(value, how), saved: [] }), backward: (ddx) => [blurred(ddx, how)] },
    dy,
  );
}

function filtered(x: tf.Tensor, { pad, stride }: Blur): tf.Tensor {
  const filter = channelFilter(x.shape.at(-1)!);
  const padded = () =>
    tf.pad(x, [
      [0, 0],
      [pad, pad],
      [pad, pad],
      [0, 0],
    ]) as tf.Tensor4D;
  const compose = () => [tf.depthwiseConv2d(padded(), filter, stride, "valid")];
  return fusedKernel("Blur", { inputs: { x, filter }, attributes: { pad, stride }, compose })[0]!;
}

function spread(dy: tf.Tensor, { pad, stride, height, width }: Blur): tf.Tensor {
  const [B, , , C] = dy.shape as [number, number, number, number];
  const filter = channelFilter(C);
  const compose = () => {
    const inputShape = [B, height + 2 * pad, width + 2 * pad, C];
    const attributes = { strides: stride, pad: "valid", dilations: 1, inputShape };
    const whole = tf.engine().runKernel("DepthwiseConv2dNativeBackpropInput", { dy, filter }, attributes) as tf.Tensor;
    return [tf.slice(whole, [0, pad, pad, 0], [B, height, width, C])];
  };
  const attributes = { pad, stride, height, width };
  return fusedKernel("BlurTranspose", { inputs: { dy, filter }, attributes, compose })[0]!;
}

/** [4, 4, C, 1], the same for every channel. */
function channelFilter(C: number): tf.Tensor4D {
  const values = TAPS.flatMap((row) => TAPS.flatMap((column) => Array.from({ length: C }, () => row * column)));
  return tf.tensor4d(values, [TAPS.length, TAPS.length, C, 1]);
}
