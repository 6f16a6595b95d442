/** Attention over many positions in pieces of queries, so that a part of the scores is there at a time. */
import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { type Dropout, dropout } from "./dropout.js";
import { productLess } from "./productLess.js";

/** What becomes of attention weights. */
export type WeightOptions = {
  /** Whether position t sees only positions up to t. */
  readonly causal?: boolean;
  /** Dropout on the attention weights, and its layer number. */
  readonly dropout?: Dropout & { readonly layer: number };
};

/** Queries [B, heads, M, d], and keys and values [B, heads, N, d]; or gradients by them. */
export type QueryKeyValue = { readonly query: tf.Tensor; readonly key: tf.Tensor; readonly value: tf.Tensor };

/** What gradients are made of: dO is the one by the output, [B, heads, M, d], `sums` are the row sums of dP * P, [B, heads, M, 1]. */
export type Backward = QueryKeyValue & { readonly dO: tf.Tensor; readonly sums: tf.Tensor };

/** So many queries in a row, which look at so many keys from the first on. */
export type Piece = WeightOptions & { readonly queries: number; readonly keys: number };

const PIECES = 4;
/** Fewer positions are attended to in one piece: there the copies cost more than the scores. */
const LEAST_IN_PIECES = 512;

/**
 * The pieces of attention over N positions, in order. In causal attention each looks at the keys up to its end: 10/16 of the
 * scores, for most of the others are hidden.
 */
export function piecesOf(N: number, { causal = false, dropout }: WeightOptions): Piece[] {
  if (N < LEAST_IN_PIECES) return [{ queries: N, keys: N, causal, ...(dropout ? { dropout } : {}) }];
  const rows = Math.ceil(N / PIECES);
  return Array.from({ length: PIECES }, (_, piece) => {
    const end = Math.min(N, (piece + 1) * rows);
    // Words of dropout are counted from the beginning of each piece, so that each wants a layer number of its own.
    const drop = dropout && { ...dropout, layer: dropout.layer + (piece << 16) };
    return { queries: end - piece * rows, keys: causal ? end : N, causal, ...(drop ? { dropout: drop } : {}) };
  });
}

/** `softmax(q k^T / sqrt(d)) v`, all [B, heads, N, d]. */
export function attendInPieces(pieces: readonly Piece[], all: QueryKeyValue): tf.Tensor {
  return joined(cutFor(pieces, all).map((part, i) => attend(part, pieces[i]!)));
}

/** The gradients of `attendInPieces`, for which attention weights are made again. */
export function gradientsInPieces(pieces: readonly Piece[], { dO, sums, ...all }: Backward): QueryKeyValue {
  const [dOs, sumsOf] = [cut(pieces, dO), cut(pieces, sums)];
  const parts = recomputed(() => cutFor(pieces, all)).map((part, i) =>
    gradients({ ...part, dO: dOs[i]!, sums: sumsOf[i]! }, pieces[i]!),
  );
  return {
    query: joined(parts.map(({ query }) => query)),
    key: parts.map(({ key }) => key).reduce(added),
    value: parts.map(({ value }) => value).reduce(added),
  };
}

function cutFor(pieces: readonly Piece[], { query, key, value }: QueryKeyValue): QueryKeyValue[] {
  const seen = (x: tf.Tensor, keys: number) =>
    keys === x.shape.at(-2) ? x : tf.slice(x, [0, 0, 0, 0], [-1, -1, keys, -1]);
  const queries = cut(pieces, query);
  return pieces.map(({ keys }, i) => ({ query: queries[i]!, key: seen(key, keys), value: seen(value, keys) }));
}

/** Rows of queries, [B, heads, N, any], by piece. */
function cut(pieces: readonly Piece[], x: tf.Tensor): tf.Tensor[] {
  if (pieces.length === 1) return [x];
  const sizes = pieces.map(({ queries }) => queries);
  return tf.split(x, sizes, 2);
}

const joined = (parts: tf.Tensor[]) => (parts.length === 1 ? parts[0]! : tf.concat(parts, 2));

/** The sum of gradients by the first keys and by as many or more of them: a later piece never sees fewer. */
function added(few: tf.Tensor, more: tf.Tensor): tf.Tensor {
  const missing = more.shape.at(-2)! - few.shape.at(-2)!;
  if (missing === 0) return tf.add(few, more);
  const none: [number, number] = [0, 0];
  return tf.add(tf.pad(few, [none, none, [0, missing], none]), more);
}

function attend({ query, key, value }: QueryKeyValue, piece: Piece): tf.Tensor {
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
function gradients({ query, key, value, dO, sums }: Backward, piece: Piece): QueryKeyValue {
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
