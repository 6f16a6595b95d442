import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import type { ParamSpec } from "./params.js";

const EPSILON = 1e-5;

/** Parameters of a layer norm over `dim` channels. */
export function layerNormSpec(dim: number) {
  return {
    gain: { shape: [dim], init: { kind: "ones" }, decay: false },
    bias: { shape: [dim], init: { kind: "zeros" }, decay: false },
  } satisfies Record<string, ParamSpec>;
}

export type LayerNormParams = { readonly gain: tf.Tensor; readonly bias: tf.Tensor };

/**
 * Layer norm over the last axis: `gain * (x - mean) / sqrt(var + 1e-5) + bias` with the biased variance.
 * Source: Ba et al. 2016, arXiv:1607.06450.
 * @param x any shape [..., D]
 */
export function layerNorm({ gain, bias }: LayerNormParams, x: tf.Tensor): tf.Tensor {
  return customGradient(LAYER_NORM, x, gain, bias);
}

const LAYER_NORM: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
  forward: (x, gain, bias) => {
    const [value, mean, inverseStd] = fusedKernel("LayerNorm", {
      inputs: { x, gain, bias },
      attributes: { epsilon: EPSILON },
      compose: () => compose(x, gain, bias),
    });
    return { value: value!, saved: [x, gain, mean!, inverseStd!] };
  },
  backward: (dy, saved) => backward(dy, saved as Saved),
};

type Saved = readonly [x: tf.Tensor, gain: tf.Tensor, mean: tf.Tensor, inverseStd: tf.Tensor];

function compose(x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor[] {
  const mean = tf.mean(x, -1, true);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), -1, true);
  const inverseStd = tf.rsqrt(tf.add(variance, EPSILON));
  return [tf.add(tf.mul(tf.mul(centred, inverseStd), gain), bias), mean, inverseStd];
}

/** With n = (x - mean)/std and g = dy * gain: `dx = (g - mean(g) - n mean(g n)) / std`, means over channels. */
function backward(dy: tf.Tensor, [x, gain, mean, inverseStd]: Saved): tf.Tensor[] {
  const leading = x.shape.map((_, axis) => axis).slice(0, -1);
  const normalised = tf.mul(tf.sub(x, mean), inverseStd);
  const scaled = tf.mul(dy, gain);
  const along = tf.mean(tf.mul(scaled, normalised), -1, true);
  const dx = tf.mul(tf.sub(tf.sub(scaled, tf.mean(scaled, -1, true)), tf.mul(normalised, along)), inverseStd);
  return [dx, tf.sum(tf.mul(dy, normalised), leading), tf.sum(dy, leading)];
}
