import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";

/** Keys and values of the positions before, position first: each [t, B, heads, d], t >= 1. */
export type KvCache = { readonly k: tf.Tensor; readonly v: tf.Tensor };

/**
 * Attention of one new position over a KV cache and itself: `softmax([q K^T, q k] / sqrt(d)) [V; v]`.
 *
 * The cache is read in place, only as far as it is filled; nothing is masked or copied.
 * @param q query of the new position, [B, heads, 1, d]
 * @param k its key, [B, heads, 1, d]
 * @param v its value, [B, heads, 1, d]
 * @returns [B, heads, 1, d]
 */
export function cachedAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, cache: KvCache): tf.Tensor {
  const scaled = tf.mul(q, 1 / Math.sqrt(q.shape.at(-1)!));
  const [mixed] = fusedKernel("CachedAttention", {
    inputs: { q: scaled, k, v, cacheK: cache.k, cacheV: cache.v },
    compose: () => {
      const keys = tf.concat([tf.transpose(cache.k, [1, 2, 0, 3]), k], 2); // [B, heads, t + 1, d]
      const values = tf.concat([tf.transpose(cache.v, [1, 2, 0, 3]), v], 2);
      return [tf.matMul(tf.softmax(tf.matMul(scaled, keys, false, true)), values)];
    },
  });
  return mixed!;
}
