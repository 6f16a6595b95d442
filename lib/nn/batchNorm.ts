import * as tf from "@tensorflow/tfjs";
import type { NormParams } from "./normSpec.js";

const EPSILON = 1e-5;

/**
 * Batch norm as it is in training: `gain * (x - mean) / sqrt(var + 1e-5) + bias` with mean and biased variance of each
 * channel over all pixels of all images of the batch. It keeps no running averages, so it suits networks that are used
 * in training only. Its gradient may be differentiated again.
 * Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
 * @param x [B, H, W, C]
 */
export function batchNorm({ gain, bias }: NormParams, x: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, PIXELS));
  const variance = tf.mean(tf.square(centred), PIXELS); // [C]
  const scale = tf.mul(gain, tf.rsqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(centred, scale), bias);
}

const PIXELS = [0, 1, 2];
