/**
 * Layers with equalised learning rate: weights start from N(0, 1) and are scaled by `1 / sqrt(fan-in)` at every use, so
 * that an adaptive optimizer moves all of them by the same share of their size. Biases are used as they are.
 * Source: Karras et al. 2017, arXiv:1710.10196, section 4.1.
 */
import * as tf from "@tensorflow/tfjs";
import { type Conv2dOptions, type Conv2dParams, type Conv2dShape, conv2d, conv2dSpec } from "./conv2d.js";
import { type DenseParams, dense, denseSpec } from "./dense.js";
import { leakyRelu } from "./leakyRelu.js";

const STANDARD_NORMAL = { kind: "normal", std: 1 } as const;

/** Parameters of an equalised convolution. */
export function equalisedConv2dSpec(shape: Conv2dShape, { bias = true }: { readonly bias?: boolean } = {}) {
  return conv2dSpec(shape, { bias, init: STANDARD_NORMAL });
}

/** Parameters of an equalised linear map. */
export function equalisedDenseSpec(from: number, to: number) {
  return denseSpec(from, to, { init: STANDARD_NORMAL });
}

export type Equalised = {
  /** Factor on the result; it is applied to the weights, which are smaller than the activations. */
  readonly gain?: number;
  /** `leakyRelu(x, 0.2)` on the result. */
  readonly activation?: "leakyRelu";
};

const SLOPE = 0.2; // StyleGAN and its descendants

/**
 * Equalised convolution, `gain * activation(x * kernel / sqrt(k k from) + bias)`.
 * @param x [B, H, W, from]
 */
export function equalisedConv2d(
  params: Conv2dParams,
  x: tf.Tensor,
  { gain, activation, ...options }: Equalised & Conv2dOptions = {},
): tf.Tensor {
  return activate(activation, conv2d(scaled(params, gain), x, options));
}

/**
 * Equalised linear map, `gain * activation(x kernel / sqrt(from) + bias)`.
 * @param x [..., from]
 */
export function equalisedDense(params: DenseParams, x: tf.Tensor, { gain, activation }: Equalised = {}): tf.Tensor {
  return activate(activation, dense(scaled(params, gain), x));
}

/** Kernel and bias with all factors; the activation leaves positive ones outside: `g a(x) = a(g x)`. */
function scaled({ kernel, bias }: Conv2dParams, gain = 1): Conv2dParams {
  const fanIn = kernel.size / kernel.shape.at(-1)!;
  const weights = tf.mul(kernel, gain / Math.sqrt(fanIn));
  return bias ? { kernel: weights, bias: gain === 1 ? bias : tf.mul(bias, gain) } : { kernel: weights };
}

function activate(activation: Equalised["activation"], x: tf.Tensor): tf.Tensor {
  return activation ? leakyRelu(x, SLOPE) : x;
}
