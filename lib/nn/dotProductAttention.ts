/** Attention itself: of queries, keys and values that lie apart, and of a fused projection of all three. */
import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import {
  attendInPieces,
  gradientsInPieces,
  piecesOf,
  type QueryKeyValue,
  type WeightOptions,
} from "./attentionPieces.js";
import { type CustomGradient, customGradient } from "./customGradient.js";

/** q, k and v, each [B, heads, N, d], of a fused projection [B, N, 3 heads d]: first all of q, head by head. */
export function splitHeads(qkv: tf.Tensor, heads: number): QueryKeyValue {
  const [B, N, width] = qkv.shape as [number, number, number];
  const parts = tf.reshape(qkv, [B, N, 3, heads, width / 3 / heads]);
  const [query, key, value] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]));
  return { query: query!, key: key!, value: value! };
}

/** The projection whose parts these are: `splitHeads` undone. */
function joinProjection({ query, key, value }: QueryKeyValue): tf.Tensor {
  const [B, heads, N, d] = query.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(tf.stack([query, key, value]), [1, 3, 0, 2, 4]), [B, N, 3 * heads * d]);
}

/** Heads [B, heads, N, d] side by side in each position, [B, N, heads d]. */
export function joinHeads(x: tf.Tensor): tf.Tensor {
  const [B, heads, N, d] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, N, heads * d]);
}

/** Heads that lie side by side apart: `joinHeads` undone. */
function headsApart(x: tf.Tensor, heads: number): tf.Tensor {
  const [B, N, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [B, N, heads, width / heads]), [0, 2, 1, 3]);
}

/**
 * `softmax(q k^T / sqrt(d)) v`, all [B, heads, N, d].
 *
 * The gradient recomputes the attention weights from q and k instead of keeping them, and gets the row sums of `dP * P`
 * from the output: `rowsum(dO * O)` (Dao et al. 2022, arXiv:2205.14135, section 3.1). Of dropout a byte each is kept.
 */
export function dotProductAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: WeightOptions = {}): tf.Tensor {
  const pieces = piecesOf(q.shape.at(-2)!, options);
  const operation: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
    forward: (query, key, value) => {
      const output = attendInPieces(pieces, { query, key, value });
      return { value: output, saved: [query, key, value, output] };
    },
    backward: (dO, [query, key, value, output]) => {
      const sums = tf.sum(tf.mul(dO, output!), -1, true);
      const by = gradientsInPieces(pieces, { query: query!, key: key!, value: value!, dO, sums });
      return [by.query, by.key, by.value];
    },
  };
  return customGradient(operation, q, k, v);
}

export type SelfAttention = WeightOptions & { readonly heads: number };

/**
 * `dotProductAttention` within each head of a fused projection. Where every position sees every other and nothing is dropped, a
 * backend may have one kernel for it, which holds no scores.
 * @param qkv [B, N, 3 heads d], in the order of `splitHeads`
 * @returns [B, N, heads d], in the order of `joinHeads`
 */
export function selfAttention(qkv: tf.Tensor, { heads, ...options }: SelfAttention): tf.Tensor {
  const pieces = piecesOf(qkv.shape.at(-2)!, options);
  const compose = (x: tf.Tensor) => [joinHeads(attendInPieces(pieces, splitHeads(x, heads)))];
  const operation: CustomGradient<[tf.Tensor]> = {
    forward: (x) => {
      const plain = !options.causal && !options.dropout;
      const fused = { inputs: { qkv: x }, attributes: { heads }, compose: () => compose(x) };
      const [output] = plain ? fusedKernel("Attention", fused) : compose(x);
      return { value: output!, saved: [x, output!] };
    },
    backward: (dO, [x, output]) => {
      const [B, N, width] = dO.shape as [number, number, number];
      const sums = tf.sum(tf.reshape(tf.mul(dO, output!), [B, N, heads, width / heads]), -1); // [B, N, heads]
      const given = { ...splitHeads(x!, heads), dO: headsApart(dO, heads), sums: headsApart(sums, heads) };
      return [joinProjection(gradientsInPieces(pieces, given))];
    },
  };
  return customGradient(operation, qkv);
}
