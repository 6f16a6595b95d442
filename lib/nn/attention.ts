import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import { type DenseOptions, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import type { ParamsOf } from "./params.js";

type PerHead = tf.Tensor4D; // [B, heads, N, D/heads]

export type AttentionConfig = {
  readonly dim: number;
  readonly heads: number;
};

/** Parameters of multi-head self-attention: one fused q, k, v map and the output map, both with bias. */
export function attentionSpec({ dim }: AttentionConfig, options: DenseOptions = {}) {
  return { qkv: denseSpec(dim, 3 * dim, options), out: denseSpec(dim, dim, options) };
}

export type AttentionParams = ParamsOf<ReturnType<typeof attentionSpec>>;

export type AttentionOptions = {
  readonly heads: number;
  /** Whether position t sees only positions up to t. */
  readonly causal?: boolean;
  /** What mixes the values; `dotProductAttention` when absent. All [B, heads, N, D/heads]. */
  readonly mix?: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => tf.Tensor;
  /** Dropout on the attention weights, and its layer number. */
  readonly dropout?: Dropout & { readonly layer: number };
};

/**
 * Multi-head self-attention: `softmax(q k^T / sqrt(D/heads)) v` for each head, then the output map.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
 * @param x tokens, [B, N, D]
 * @returns tokens, [B, N, D]
 */
export function attention(params: AttentionParams, x: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const [B, N, D] = x.shape as [number, number, number];
  const [q, k, v] = splitHeads(dense(params.qkv, x), options.heads);
  const mixed = options.mix ? options.mix(q, k, v) : dotProductAttention(q, k, v, options);
  return dense(params.out, tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B, N, D]));
}

/** q, k and v, each [B, heads, N, D/heads], of a fused projection [B, N, 3 D]. */
export function splitHeads(qkv: tf.Tensor, heads: number): [PerHead, PerHead, PerHead] {
  const [B, N, threeD] = qkv.shape as [number, number, number];
  const parts = tf.reshape(qkv, [B, N, 3, heads, threeD / 3 / heads]);
  return tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4])) as [PerHead, PerHead, PerHead];
}

/**
 * `softmax(q k^T / sqrt(d)) v`, all [B, heads, N, d].
 *
 * The gradient recomputes the attention weights from q and k instead of keeping [B, heads, N, N], and gets the row
 * sums of `dP * P` from the output: `rowsum(dO * O)` (Dao et al. 2022, arXiv:2205.14135, section 3.1).
 */
export function dotProductAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const N = q.shape.at(-2)!;
  const scale = 1 / Math.sqrt(q.shape.at(-1)!);
  const weights = (query: tf.Tensor, key: tf.Tensor) => {
    const scores = tf.matMul(tf.mul(query, scale), key, false, true); // [B, heads, N, N]
    // The mask is made anew for the backward pass: what the forward pass makes and does not save is disposed by then.
    return tf.softmax(options.causal && N > 1 ? tf.add(scores, causalMask(N)) : scores);
  };
  const drop = (p: tf.Tensor) => (options.dropout ? dropout(p, options.dropout, options.dropout.layer) : p);
  const operation: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
    forward: (query, key, value) => {
      const mixed = tf.matMul(drop(weights(query, key)), value);
      return { value: mixed, saved: [query, key, value, mixed] };
    },
    backward: (dO, saved) => {
      const [query, key, value, mixed] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return recomputed(() => {
        const P = weights(query, key);
        const dP = drop(tf.matMul(dO, value, false, true));
        const dS = tf.mul(P, tf.sub(dP, tf.sum(tf.mul(dO, mixed), -1, true)));
        const dQuery = tf.mul(tf.matMul(dS, key), scale);
        const dKey = tf.mul(tf.matMul(dS, query, true, false), scale);
        return [dQuery, dKey, tf.matMul(drop(P), dO, true, false)];
      });
    },
  };
  return customGradient(operation, q, k, v);
}

const HIDDEN = -1e9;

/** [N, N] added to attention scores: 0 where a position may look, -1e9 where it may not. */
export function causalMask(N: number): tf.Tensor2D {
  const values = new Float32Array(N * N);
  for (let row = 0; row < N; row++) values.fill(HIDDEN, row * N + row + 1, (row + 1) * N);
  return tf.tensor2d(values, [N, N]);
}
