import * as tf from "@tensorflow/tfjs";
import type { Init, ParamSpec } from "./params.js";
import "./secondGradients.js";

export type Conv2dShape = {
  /** Side of a square kernel, or height and width. */
  readonly kernel: number | readonly [kh: number, kw: number];
  /** Channels in and out. */
  readonly from: number;
  readonly to: number;
};

/** Parameters of a convolution: kernel [kh, kw, from, to], bias [to]. */
export type Conv2dSpec = { readonly kernel: ParamSpec; readonly bias?: ParamSpec };

/** States the parameters of a convolution; Xavier-uniform unless `init` says otherwise. */
export function conv2dSpec(
  { kernel: sides, from, to }: Conv2dShape,
  { bias = true, init }: { readonly bias?: boolean; readonly init?: Init } = {},
): Conv2dSpec {
  const [kh, kw] = typeof sides === "number" ? [sides, sides] : sides;
  const kernel: ParamSpec = {
    shape: [kh, kw, from, to],
    init: init ?? { kind: "xavier", fanIn: kh * kw * from, fanOut: kh * kw * to },
    decay: true,
  };
  return bias ? { kernel, bias: { shape: [to], init: { kind: "zeros" }, decay: false } } : { kernel };
}

export type Conv2dParams = { readonly kernel: tf.Tensor; readonly bias?: tf.Tensor };

export type Conv2dOptions = {
  readonly stride?: number;
  /** `same` (the default): ceil(H / stride) rows of output; `valid`: no padding; or as many zeros on every side. */
  readonly pad?: "same" | "valid" | number;
};

/**
 * Convolution `x * kernel + bias`.
 * @param x images, [B, H, W, from]
 * @returns [B, H', W', to]
 */
export function conv2d(params: Conv2dParams, x: tf.Tensor, options: Conv2dOptions = {}): tf.Tensor {
  const { stride = 1, pad = "same" } = options;
  const y = tf.conv2d(x as tf.Tensor4D, params.kernel as tf.Tensor4D, stride, pad);
  return params.bias ? tf.add(y, params.bias) : y;
}
