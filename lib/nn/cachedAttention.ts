import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";

/** Keys and values of the positions before, a head's in one piece: each [B, heads, C, d] with room for C >= 1. */
export type KvCache = { readonly k: tf.Tensor; readonly v: tf.Tensor };

/**
 * Attention of one new position over a KV cache and itself: `softmax([q K^T + mask, q k] / sqrt(d)) [V; v]`, the mask not
 * scaled.
 *
 * The cache is read once, where it lies, and not copied.
 * @param q query of the new position, [B, heads, 1, d]
 * @param k its key, [B, heads, 1, d]
 * @param v its value, [B, heads, 1, d]
 * @param mask [C]: 0 at filled positions, -Infinity at those that are not, whose keys and values must be finite
 * @returns [B, heads, 1, d]
 */
export function cachedAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { cache, mask }: { readonly cache: KvCache; readonly mask: tf.Tensor },
): tf.Tensor {
  const scale = 1 / Math.sqrt(q.shape.at(-1)!);
  const [mixed] = fusedKernel("CachedAttention", {
    inputs: { q, k, v, cacheK: cache.k, cacheV: cache.v, mask },
    attributes: { scale },
    compose: () => {
      const scaled = tf.mul(q, scale);
      const past = tf.add(tf.matMul(scaled, cache.k, false, true), mask); // [B, heads, 1, C]
      const own = tf.matMul(scaled, k, false, true);
      const values = tf.concat([cache.v, v], 2); // [B, heads, C + 1, d]
      return [tf.matMul(tf.softmax(tf.concat([past, own], 3)), values)];
    },
  });
  return mixed!;
}
