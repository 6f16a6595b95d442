/** What mixes values by attention weights: for queries, keys and values of their own, and for a fused projection of all three. */
import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { recomputed } from "../engine/traceBackend.js";
import { type CustomGradient, customGradient } from "./customGradient.js";
import { type Dropout, dropout } from "./dropout.js";
import { productLess } from "./productLess.js";

type PerHead = tf.Tensor4D; // [B, heads, N, d]

export type Mixing = {
  readonly heads: number;
  /** Whether position t sees only positions up to t. */
  readonly causal?: boolean;
  /** Dropout on the attention weights, and its layer number. */
  readonly dropout?: Dropout & { readonly layer: number };
};

/** How, where the heads lie apart already. */
export type HeadMixing = Omit<Mixing, "heads">;

/** q, k and v, each [B, heads, N, d], of a fused projection [B, N, 3 heads d]: first all of q, head by head. */
export function splitHeads(qkv: tf.Tensor, heads: number): [PerHead, PerHead, PerHead] {
  const [B, N, width] = qkv.shape as [number, number, number];
  const parts = tf.reshape(qkv, [B, N, 3, heads, width / 3 / heads]);
  return tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4])) as [PerHead, PerHead, PerHead];
}

/** Heads [B, heads, N, d] one after the other in each position, [B, N, heads d]. */
export function joinHeads(x: tf.Tensor): tf.Tensor {
  const [B, heads, N, d] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, N, heads * d]);
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
export function dotProductAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: HeadMixing = {}): tf.Tensor {
  const pieces = piecesOf(q.shape.at(-2)!, options);
  const operation: CustomGradient<[tf.Tensor, tf.Tensor, tf.Tensor]> = {
    forward: (query, key, value) => {
      const mixed = mixInPieces(pieces, { query, key, value });
      return { value: mixed, saved: [query, key, value, mixed] };
    },
    backward: (dO, [query, key, value, mixed]) => {
      const sums = tf.sum(tf.mul(dO, mixed!), -1, true);
      const by = gradientsInPieces(pieces, { query: query!, key: key!, value: value!, dO, sums });
      return [by.query, by.key, by.value];
    },
  };
  return customGradient(operation, q, k, v);
}

/**
 * `dotProductAttention` within each head of a fused projection, heads joined. Where every position sees every other and nothing
 * is dropped, a backend may have one kernel for it, which holds no scores.
 * @param qkv [B, N, 3 heads d], in the order of `splitHeads`
 * @returns [B, N, heads d]
 */
export function mixedHeads(qkv: tf.Tensor, { heads, ...options }: Mixing): tf.Tensor {
  const pieces = piecesOf(qkv.shape.at(-2)!, options);
  const split = (x: tf.Tensor): Heads => {
    const [query, key, value] = splitHeads(x, heads);
    return { query, key, value };
  };
  const operation: CustomGradient<[tf.Tensor]> = {
    forward: (qkv) => {
      const compose = () => [joinHeads(mixInPieces(pieces, split(qkv)))];
      const plain = !options.causal && !options.dropout;
      const [mixed] = plain ? fusedKernel("Attention", { inputs: { qkv }, attributes: { heads }, compose }) : compose();
      return { value: mixed!, saved: [qkv, mixed!] };
    },
    backward: (dO, [qkv, mixed]) => {
      const [B, N, width] = dO.shape as [number, number, number];
      const apart = (x: tf.Tensor, d: number) => tf.transpose(tf.reshape(x, [B, N, heads, d]), [0, 2, 1, 3]);
      const d = width / heads;
      const sums = apart(tf.sum(tf.reshape(tf.mul(dO, mixed!), [B, N, heads, d]), -1), 1);
      const by = gradientsInPieces(pieces, { ...split(qkv!), dO: apart(dO, d), sums });
      const together = tf.stack([by.query, by.key, by.value]); // [3, B, heads, N, d]
      return [tf.reshape(tf.transpose(together, [1, 3, 0, 2, 4]), [B, N, 3 * width])];
    },
  };
  return customGradient(operation, qkv);
}

/** So many queries, over the first keys. */
type Piece = HeadMixing & { readonly queries: number; readonly keys: number };

function piecesOf(N: number, { causal = false, dropout }: HeadMixing): Piece[] {
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

function headsOf(pieces: readonly Piece[], { query, key, value }: Heads): Heads[] {
  const seen = (x: tf.Tensor, keys: number) =>
    keys === x.shape.at(-2) ? x : tf.slice(x, [0, 0, 0, 0], [-1, -1, keys, -1]);
  const own = inPieces(pieces, query);
  return pieces.map(({ keys }, i) => ({ query: own[i]!, key: seen(key, keys), value: seen(value, keys) }));
}

/** What the queries of a piece make of the gradient by its output dO, [B, heads, M, d]; `sums` are the row sums of dP * P. */
type Backward = Heads & { readonly dO: tf.Tensor; readonly sums: tf.Tensor };

function mixInPieces(pieces: readonly Piece[], heads: Heads): tf.Tensor {
  return joined(headsOf(pieces, heads).map((part, i) => mix(part, pieces[i]!)));
}

function gradientsInPieces(pieces: readonly Piece[], { dO, sums, ...heads }: Backward): Heads {
  const [dOs, sumsOf] = [inPieces(pieces, dO), inPieces(pieces, sums)];
  const cut = recomputed(() => headsOf(pieces, heads));
  const parts = cut.map((part, i) => gradients({ ...part, dO: dOs[i]!, sums: sumsOf[i]! }, pieces[i]!));
  const sum = (of: (part: Heads) => tf.Tensor) => parts.map(of).reduce(added);
  return {
    query: joined(parts.map((part) => part.query)),
    key: sum((part) => part.key),
    value: sum((part) => part.value),
  };
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

/** Gradients by a piece's queries and by the keys and values that they see. */
function gradients({ query, key, value, dO, sums }: Backward, piece: Piece): Heads {
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
