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
 * Causal attention over many positions is computed in four pieces of queries, each over the keys up to its end: 10/16 of
 * the scores, for most of the others are hidden.
 */
export function dotProductAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const N = q.shape.at(-2)!;
  if (!options.causal || N < LEAST_IN_PIECES) return attend(q, k, v, options);
  const rows = Math.ceil(N / PIECES);
  const pieces = Array.from({ length: PIECES }, (_, piece) => {
    const [from, to] = [piece * rows, Math.min(N, (piece + 1) * rows)];
    // Words of dropout are counted from the beginning of each piece, so that each wants a layer number of its own.
    const drop = options.dropout && { ...options.dropout, layer: options.dropout.layer + (piece << 16) };
    const part = { ...options, ...(drop ? { dropout: drop } : {}) };
    return attend(positions(q, from, to), positions(k, 0, to), positions(v, 0, to), part);
  });
  return tf.concat(pieces, 2);
}

const PIECES = 4;
/** Fewer positions are attended to in one piece: there the copies cost more than the scores. */
const LEAST_IN_PIECES = 512;

/** Positions `from .. to - 1` of [B, heads, N, d]. */
function positions(x: tf.Tensor, from: number, to: number): tf.Tensor {
  return tf.slice(x, [0, 0, from, 0], [-1, -1, to - from, -1]);
}

/**
 * Attention of the last M of N positions, q being [B, heads, M, d], k and v [B, heads, N, d].
 *
 * The gradient recomputes the attention weights from q and k instead of keeping [B, heads, M, N], and gets the row
 * sums of `dP * P` from the output: `rowsum(dO * O)` (Dao et al. 2022, arXiv:2205.14135, section 3.1).
 */
function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const [M, N] = [q.shape.at(-2)!, k.shape.at(-2)!];
  const scale = 1 / Math.sqrt(q.shape.at(-1)!);
  const weights = (query: tf.Tensor, key: tf.Tensor) => {
    const scores = tf.matMul(tf.mul(query, scale), key, false, true); // [B, heads, M, N]
    // The mask is made anew for the backward pass: what the forward pass makes and does not save is disposed by then.
    return tf.softmax(options.causal && N > 1 ? tf.add(scores, causalMask(M, N)) : scores);
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

/** [M, N] added to the scores of the last M of N positions: 0 where one may look, -1e9 where it may not. */
export function causalMask(M: number, N = M): tf.Tensor2D {
  const values = new Float32Array(M * N);
  for (let row = 0; row < M; row++) values.fill(HIDDEN, row * N + (N - M) + row + 1, (row + 1) * N);
  return tf.tensor2d(values, [M, N]);
}
