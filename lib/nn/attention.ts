import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import { type DenseOptions, type DenseSpec, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import type { ParamsOf } from "./params.js";

type PerHead = tf.Tensor4D; // [B, heads, N, d]

export type AttentionConfig = {
  /** Width D of the tokens. */
  readonly dim: number;
  readonly heads: number;
  /** Width d of a head; D/heads when absent. */
  readonly headDim?: number;
  /** Whether queries, keys and values have a bias; true when absent. */
  readonly qkvBias?: boolean;
  /** Whether a linear map follows the heads; true when absent. Without one, heads * d must be D. */
  readonly outProjection?: boolean;
};

/** Width d of a head: what the config says, else D/heads. */
export function headWidth({ dim, heads, headDim }: AttentionConfig): number {
  return headDim ?? dim / heads;
}

/**
 * Parameters of multi-head self-attention: one fused q, k, v map and the output map.
 * @throws RangeError when the heads' outputs together are not of the tokens' width and there is no output map
 */
export function attentionSpec(config: AttentionConfig, options: DenseOptions = {}): AttentionSpec {
  const { dim, heads, qkvBias = true, outProjection = true } = config;
  const inner = heads * headWidth(config);
  const qkv = denseSpec(dim, 3 * inner, { ...options, bias: qkvBias });
  if (outProjection) return { qkv, out: denseSpec(inner, dim, options) };
  if (inner === dim) return { qkv };
  throw new RangeError(`attention: without an output map, heads together want the tokens' width ${dim}, got ${inner}`);
}

type AttentionSpec = { readonly qkv: DenseSpec; readonly out?: DenseSpec };

export type AttentionParams = ParamsOf<AttentionSpec>;

export type AttentionOptions = {
  readonly heads: number;
  /** Whether position t sees only positions up to t. */
  readonly causal?: boolean;
  /** What mixes the values; `dotProductAttention` when absent. All [B, heads, N, d]. */
  readonly mix?: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => tf.Tensor;
  /** Dropout on the attention weights, and its layer number. */
  readonly dropout?: Dropout & { readonly layer: number };
};

/**
 * Multi-head self-attention: `softmax(q k^T / sqrt(d)) v` for each head of width d, then the output map.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
 * @param x tokens, [B, N, D]
 * @returns tokens, [B, N, D]
 */
export function attention(params: AttentionParams, x: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const [B, N] = x.shape as [number, number, number];
  const [q, k, v] = splitHeads(dense(params.qkv, x), options.heads);
  const mixed = options.mix ? options.mix(q, k, v) : dotProductAttention(q, k, v, options);
  const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B, N, -1]); // [B, N, heads d]
  return params.out ? dense(params.out, joined) : joined;
}

/** q, k and v, each [B, heads, N, d], of a fused projection [B, N, 3 heads d]: first all of q, head by head. */
export function splitHeads(qkv: tf.Tensor, heads: number): [PerHead, PerHead, PerHead] {
  const [B, N, width] = qkv.shape as [number, number, number];
  const parts = tf.reshape(qkv, [B, N, 3, heads, width / 3 / heads]);
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
