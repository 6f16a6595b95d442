import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { fullPrecision } from "../engine/traceBackend.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import type { NormParams } from "./normSpec.js";

const EPSILON = 1e-5;

/**
 * Layer norm over the last axis: `gain * (x - mean) / sqrt(var + 1e-5) + bias` with the biased variance.
 * Source: Ba et al. 2016, arXiv:1607.06450.
 * @param x any shape [..., D]
 */
export function layerNorm({ gain, bias }: NormParams, x: tf.Tensor): tf.Tensor {
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

/**
 * With n = (x - mean)/std, g = dy * gain and means over channels: `dx = (g - mean(g) - n mean(g n)) / std`. Both means are
 * products with the vector gain / D, so that g n is never made. They are float32 on every engine, as all else in a norm.
 */
function backward(dy: tf.Tensor, [x, gain, mean, inverseStd]: Saved): tf.Tensor[] {
  const channels = gain.size;
  const leading = x.shape.map((_, axis) => axis).slice(0, -1);
  const normalised = tf.mul(tf.sub(x, mean), inverseStd);
  const along = tf.mul(dy, normalised);
  const share = tf.reshape(tf.div(gain, channels), [channels, 1]);
  const average = (values: tf.Tensor) => fullPrecision(() => tf.matMul(values, share));
  const outside = tf.sub(tf.mul(dy, gain), tf.mul(normalised, average(along)));
  const dx = tf.mul(tf.sub(outside, average(dy)), inverseStd);
  return [dx, tf.sum(along, leading), tf.sum(dy, leading)];
}
