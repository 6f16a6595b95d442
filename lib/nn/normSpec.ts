import type * as tf from "@tensorflow/tfjs";
import type { Init, ParamSpec } from "./params.js";

export type NormSpec = { readonly gain: ParamSpec; readonly bias: ParamSpec };

export type NormParams = { readonly gain: tf.Tensor; readonly bias: tf.Tensor };

/** Parameters of a norm over `dim` channels; gains start from 1 unless another start is given. */
export function normSpec(dim: number, gain: Init = { kind: "ones" }): NormSpec {
  return {
    gain: { shape: [dim], init: gain, decay: false },
    bias: { shape: [dim], init: { kind: "zeros" }, decay: false },
  };
}
