import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import { type DenseOptions, type DenseSpec, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import type { ParamsOf } from "./params.js";
import { productLess } from "./productLess.js";

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
  return projectedAttention(params, dense(params.qkv, x), options);
}

/** `attention` of tokens whose queries, keys and values are there already: qkv is [B, N, 3 heads d]. */
export function projectedAttention(
  { out }: Pick<AttentionParams, "out">,
  qkv: tf.Tensor,
  options: AttentionOptions,
): tf.Tensor {
  const [B, N] = qkv.shape as [number, number, number];
  const [q, k, v] = splitHeads(qkv, options.heads);
  const mixed = options.mix ? options.mix(q, k, v) : dotProductAttention(q, k, v, options);
  const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B, N, -1]); // [B, N, heads d]
  return out ? dense(out, joined) : joined;
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
 * Attention over many positions is computed in four pieces of queries, so that a quarter of the scores is there at a time. In
 * causal attention each goes over the keys up to its end: 10/16 of the scores, for most of the others are hidden.
 *
 * The gradient recomputes the attention weights from q and k instead of keeping them, and gets the row sums of `dP * P`
 * from the output: `rowsum(dO * O)` (Dao et al. 2022, arXiv:2205.14135, section 3.1). Of dropout a byte each is kept.
 */
export function dotProductAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions): tf.Tensor {
  const pieces = piecesOf(q.shape.at(-2)!, options);
  // In pieces, the output is kept by position, [B, N, heads, d], which the map behind the heads keeps anyway.
  const byPosition = (x: tf.Tensor) => (pieces.length === 1 ? x : tf.transpose(x, [0, 2, 1, 3]));
  const operation: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
    forward: (query, key, value) => {
      const mixed = joined(headsOf(pieces, query, key, value).map((heads, i) => mix(heads, pieces[i]!)));
      return { value: mixed, saved: [query, key, value, byPosition(mixed)] };
    },
    backward: (dO, [query, key, value, kept]) => {
      const dOs = inPieces(pieces, dO);
      const sums = inPieces(pieces, byPosition(tf.sum(tf.mul(byPosition(dO), kept!), -1, true)));
      const cut = recomputed(() => headsOf(pieces, query!, key!, value!));
      const parts = cut.map((heads, i) => gradients({ ...heads, dO: dOs[i]!, sums: sums[i]! }, pieces[i]!));
      const sum = (of: (part: Heads) => tf.Tensor) => parts.map(of).reduce(added);
      return [joined(parts.map((part) => part.query)), sum((part) => part.key), sum((part) => part.value)];
    },
  };
  return customGradient(operation, q, k, v);
}

/** So many queries, over the first keys. */
type Piece = Pick<AttentionOptions, "causal" | "dropout"> & { readonly queries: number; readonly keys: number };

function piecesOf(N: number, { causal = false, dropout }: AttentionOptions): Piece[] {
  if (N < LEAST_IN_PIECES) return [{ queries: N, keys: N, causal, ...(dropout ? { dropout } : {}) }];
  const rows = Math.ceil(N / PIECES);
  return Array.from({ length: PIECES }, (_, piece) => {
    const end = Math.min(N, (piece + 1) * rows);
    // Words of dropout are counted from the beginning of each piece, so that each wants a layer number of its own.
    const drop = dropout && { ...dropout, layer: dropout.layer + (piece << 16) };
    return { queries: end - piece * rows, keys: causal ? end : N, causal, ...(drop ? { dropout: drop } : {}) };
  });
}

const PIECES = 4;
/** Fewer positions are attended to in one piece: there the copies cost more than the scores. */
const LEAST_IN_PIECES = 512;

/** A piece's queries, [B, heads, M, d], and the keys and values that they see, [B, heads, N, d]; or gradients by them. */
type Heads = { readonly query: tf.Tensor; readonly key: tf.Tensor; readonly value: tf.Tensor };

function headsOf(pieces: readonly Piece[], query: tf.Tensor, key: tf.Tensor, value: tf.Tensor): Heads[] {
  const seen = (x: tf.Tensor, keys: number) =>
    keys === x.shape.at(-2) ? x : tf.slice(x, [0, 0, 0, 0], [-1, -1, keys, -1]);
  const own = inPieces(pieces, query);
  return pieces.map(({ keys }, i) => ({ query: own[i]!, key: seen(key, keys), value: seen(value, keys) }));
}

/** Positions of [B, heads, N, d] by piece. */
function inPieces(pieces: readonly Piece[], x: tf.Tensor): tf.Tensor[] {
  if (pieces.length === 1) return [x];
  const sizes = pieces.map(({ queries }) => queries);
  return tf.split(x, sizes, 2);
}

const joined = (parts: tf.Tensor[]) => (parts.length === 1 ? parts[0]! : tf.concat(parts, 2));

/** The sum of gradients by the first positions and by more of them. */
function added(few: tf.Tensor, more: tf.Tensor): tf.Tensor {
  const missing = more.shape.at(-2)! - few.shape.at(-2)!;
  if (missing === 0) return tf.add(few, more);
  const none: [number, number] = [0, 0];
  return tf.add(tf.pad(few, [none, none, [0, missing], none]), more);
}

function mix({ query, key, value }: Heads, piece: Piece): tf.Tensor {
  return tf.matMul(dropped(weights(query, key, piece), piece), value);
}

/** Attention weights P, [B, heads, M, N]. */
function weights(query: tf.Tensor, key: tf.Tensor, { causal }: Piece): tf.Tensor {
  const [M, N, d] = [query.shape.at(-2)!, key.shape.at(-2)!, query.shape.at(-1)!];
  const scores = tf.matMul(tf.mul(query, 1 / Math.sqrt(d)), key, false, true);
  // The mask is made anew for the backward pass: what the forward pass makes and does not save is disposed by then.
  return tf.softmax(causal && N > 1 ? tf.add(scores, causalMask(M, N)) : scores);
}

const dropped = (x: tf.Tensor, { dropout: drop }: Piece) => (drop ? dropout(x, drop, drop.layer) : x);

/** Gradients by a piece's queries and by the keys and values that they see; `sums` are the row sums of dP * P. */
function gradients(
  { query, key, value, dO, sums }: Heads & { readonly dO: tf.Tensor; readonly sums: tf.Tensor },
  piece: Piece,
): Heads {
  const scale = 1 / Math.sqrt(query.shape.at(-1)!);
  const P = recomputed(() => weights(query, key, piece));
  const excess = piece.dropout
    ? tf.sub(dropped(tf.matMul(dO, value, false, true), piece), sums)
    : productLess(dO, value, sums);
  const dS = tf.mul(P, excess);
  return {
    query: tf.mul(tf.matMul(dS, key), scale),
    key: tf.mul(tf.matMul(dS, query, true, false), scale),
    value: tf.matMul(dropped(P, piece), dO, true, false),
  };
}

const HIDDEN = -1e9;

/** [M, N] added to the scores of the last M of N positions: 0 where one may look, -1e9 where it may not. */
export function causalMask(M: number, N = M): tf.Tensor2D {
  const values = new Float32Array(M * N);
  for (let row = 0; row < M; row++) values.fill(HIDDEN, row * N + (N - M) + row + 1, (row + 1) * N);
  return tf.tensor2d(values, [M, N]);
}
