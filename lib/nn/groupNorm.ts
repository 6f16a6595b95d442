import * as tf from "@tensorflow/tfjs";
import { type CustomGradient, customGradient } from "./customGradient.js";
import type { NormParams } from "./normSpec.js";

export type GroupNormOptions = {
  /** Groups G of neighbouring channels, dividing C; 32 if absent. */
  readonly groups?: number;
  /** Added to the variance; 1e-6 if absent, as in the VQGAN. */
  readonly epsilon?: number;
};

/**
 * Group norm: `gain * (x - mean) / sqrt(var + epsilon) + bias` with mean and biased variance over all pixels and the
 * C / G channels of a group, for each image by itself.
 *
 * Whatever is as large as the image is a sum over its pixels or a factor and an offset for each channel, so images
 * that a convolution left with channels first stay so. The gradient keeps x, mean and deviation.
 * Source: Wu & He 2018, arXiv:1803.08494.
 * @param x [B, H, W, C]
 * @throws RangeError when the groups do not divide the channels
 */
export function groupNorm(params: NormParams, x: tf.Tensor, options: GroupNormOptions = {}): tf.Tensor {
  const { groups = 32, epsilon = 1e-6 } = options;
  const C = x.shape.at(-1)!;
  if (C % groups !== 0) throw new RangeError(`group norm: want channels in multiples of ${groups}, got ${C}`);
  const operation: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
    forward: (images, gain, bias) => {
      const { mean, inverseStd } = statistics(images, groups, epsilon);
      const scale = tf.mul(byGroup(gain, groups), inverseStd); // [B, G, C/G]
      const offset = tf.sub(byGroup(bias, groups), tf.mul(mean, scale));
      const value = tf.add(tf.mul(images, everyPixel(scale)), everyPixel(offset));
      return { value, saved: [images, gain, mean, inverseStd] };
    },
    backward: (dy, saved) => backward(dy, saved as Saved),
  };
  return customGradient(operation, x, params.gain, params.bias);
}

/** Mean and inverse standard deviation of every group, [B, G, 1]. */
function statistics(x: tf.Tensor, groups: number, epsilon: number) {
  const mean = groupMean(x, groups);
  const centred = tf.sub(x, everyPixel(spread(mean, x.shape.at(-1)! / groups)));
  const variance = groupMean(tf.square(centred), groups);
  return { mean, inverseStd: tf.rsqrt(tf.add(variance, epsilon)) };
}

function groupMean(x: tf.Tensor, groups: number): tf.Tensor {
  return tf.mean(byGroup(tf.mean(x, [1, 2]), groups), 2, true);
}

type Saved = readonly [x: tf.Tensor, gain: tf.Tensor, mean: tf.Tensor, inverseStd: tf.Tensor];

/**
 * With n = (x - mean)/std, g = dy * gain and means over the group: `dx = (g - mean(g) - n mean(g n)) / std`, collected
 * into a factor of dy, a factor of x and an offset.
 */
function backward(dy: tf.Tensor, [x, gain, mean, inverseStd]: Saved): tf.Tensor[] {
  const [, H, W, C] = x.shape as [number, number, number, number];
  const groups = mean.shape[1]!;
  const gains = byGroup(gain, groups);
  const sumDy = byGroup(tf.sum(dy, [1, 2]), groups); // [B, G, C/G], as all of these
  const sumDyX = byGroup(tf.sum(tf.mul(dy, x), [1, 2]), groups);
  const sumDyN = tf.mul(tf.sub(sumDyX, tf.mul(mean, sumDy)), inverseStd);
  const average = (sums: tf.Tensor) => tf.div(tf.sum(tf.mul(gains, sums), 2, true), (H * W * C) / groups); // [B, G, 1]
  const ofX = tf.neg(tf.mul(average(sumDyN), tf.square(inverseStd)));
  const offset = tf.neg(tf.add(tf.mul(ofX, mean), tf.mul(average(sumDy), inverseStd)));
  const members = C / groups;
  const byDy = tf.mul(dy, everyPixel(tf.mul(gains, inverseStd)));
  const byX = tf.mul(x, everyPixel(spread(ofX, members)));
  const dx = tf.add(tf.add(byDy, byX), everyPixel(spread(offset, members)));
  return [dx, tf.reshape(tf.sum(sumDyN, 0), [C]), tf.reshape(tf.sum(sumDy, 0), [C])];
}

/** [C] or [B, C] as [1 or B, G, C/G]. */
function byGroup(channels: tf.Tensor, groups: number): tf.Tensor {
  return tf.reshape(channels, [-1, groups, channels.shape.at(-1)! / groups]);
}

/** A number for each group, [B, G, 1], as one for each of its channels, [B, G, C/G]. */
function spread(values: tf.Tensor, members: number): tf.Tensor {
  return tf.mul(values, tf.ones([1, 1, members]));
}

/** [B, G, C/G] as [B, 1, 1, C], which broadcasts over pixels. */
function everyPixel(values: tf.Tensor): tf.Tensor {
  const [B, groups, members] = values.shape as [number, number, number];
  return tf.reshape(values, [B, 1, 1, groups * members]);
}
