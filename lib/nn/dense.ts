import * as tf from "@tensorflow/tfjs";
import type { Init, ParamSpec, ParamsOf } from "./params.js";

export type DenseOptions = { readonly bias?: boolean; readonly init?: Init };

/** Parameters of a linear map `from -> to`: kernel [from, to], bias [to]. Xavier-uniform unless `init` says otherwise. */
export function denseSpec(from: number, to: number, { bias = true, init }: DenseOptions = {}): DenseSpec {
  const kernel: ParamSpec = {
    shape: [from, to],
    init: init ?? { kind: "xavier", fanIn: from, fanOut: to },
    decay: true,
  };
  const zeros: ParamSpec = { shape: [to], init: { kind: "zeros" }, decay: false };
  return bias ? { kernel, bias: zeros } : { kernel };
}

export type DenseSpec = { readonly kernel: ParamSpec; readonly bias?: ParamSpec };

export type DenseParams = ParamsOf<DenseSpec>;

/** `x W + b` over the last axis, [..., from] -> [..., to], as one matrix product over all leading axes. */
export function dense(params: DenseParams, x: tf.Tensor): tf.Tensor {
  const [from, to] = params.kernel.shape as [number, number];
  const rows = tf.reshape(x, [-1, from]); // [prod(...), from]
  const product = tf.matMul(rows, params.kernel as tf.Tensor2D);
  const y = params.bias ? tf.add(product, params.bias) : product;
  return tf.reshape(y, [...x.shape.slice(0, -1), to]);
}
