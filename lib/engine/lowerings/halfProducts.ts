/**
 * Matrix products of float16 operands with sums in float32.
 *
 * ONNX Runtime's kernels for WebGPU add products of float16 up in float16: a sum of 4,096 ones comes out as 2,048. So the
 * inner dimension is cut into pieces, each a product in float16, and these are added in float32.
 */

import { exchanged, type ProductLayout, productShape, range, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { cast, elementwise } from "./elementwise.js";
import { pad, reshape, slice, swapLast, transpose } from "./shapes.js";

/**
 * Most products that are added up in float16. Of random normal numbers a product is then off by 0.17%, less than what the
 * operands alone lose in bfloat16 (0.24%); half the length gives 0.12% for twice as many sums in float32.
 */
export const PIECE = 128;

/** Whether the tracer can cut the product: it has no zeros to leave out, and what must be cut has fixed sizes. */
export function canBeHalf(graph: GraphBuilder, a: Sym, b: Sym, { transposeA }: ProductLayout): boolean {
  if (a.type !== "float32" || b.type !== "float32") return false;
  if (graph.uniformValue(a) === 0 || graph.uniformValue(b) === 0) return false;
  const inner = a.shape.at(transposeA ? -2 : -1)!;
  return graph.varying.isFixed(inner <= PIECE ? [inner] : [...a.shape, ...b.shape]);
}

/**
 * `op(a) op(b)` over the last two axes, leading axes broadcast: operands rounded to float16, at most `piece` products
 * added up in float16, and all else in float32. A piece whose sum passes 65,504 is infinite.
 *
 * Pieces are computed side by side as long as their products hold no more numbers than the operands do, and else one after
 * the other, so that no result of a piece is larger than what the product reads or gives anyway.
 */
export function halfProduct(
  graph: GraphBuilder,
  a: Sym,
  b: Sym,
  { transposeA = false, transposeB = false, piece = PIECE }: ProductLayout & { readonly piece?: number },
): Sym {
  const left: Operand = { whole: cast(graph, a, "float16"), inner: transposeA ? -2 : -1 };
  const right: Operand = { whole: cast(graph, b, "float16"), inner: transposeB ? -1 : -2 };
  const inner = a.shape.at(left.inner)!;
  const { pieces, width } = cut(inner, piece);
  const padded = [left, right].map((operand) => widened(graph, operand, pieces * width)) as [Operand, Operand];
  const ofPiece = sizeOf(productShape(a.shape, b.shape, { transposeA, transposeB }));
  const most = Math.max(1, Math.floor((sizeOf(a.shape) + sizeOf(b.shape)) / ofPiece));
  const together = Math.ceil(pieces / Math.ceil(pieces / most));
  const sums: Sym[] = [];
  for (let from = 0; from < pieces; from += together) {
    const to = Math.min(pieces, from + together);
    const [l, r] = padded.map((operand) => part(graph, operand, from * width, to * width)) as [Operand, Operand];
    sums.push(sumOfPieces(graph, l, r, to - from));
  }
  return sums.reduce((sum, one) => elementwise(graph, "Add", [sum, one]));
}

/** An operand in float16, and which of its last two axes is the inner dimension. */
type Operand = { readonly whole: Sym; readonly inner: -1 | -2 };

/** Pieces of equal width, at most `most`: as few as can be, or up to twice as many where that leaves no rest to pad. */
function cut(inner: number, most: number): { readonly pieces: number; readonly width: number } {
  const least = Math.ceil(inner / most);
  for (let pieces = least; pieces <= 2 * least; pieces++)
    if (inner % pieces === 0) return { pieces, width: inner / pieces };
  return { pieces: least, width: Math.ceil(inner / least) };
}

/** Zeros behind the inner dimension, up to `length`. */
function widened(graph: GraphBuilder, { whole, inner }: Operand, length: number): Operand {
  const axis = whole.shape.length + inner;
  const paddings = whole.shape.map((dim, i) => [0, i === axis ? length - dim : 0] as const);
  return { whole: pad(graph, whole, paddings), inner };
}

/** Places `from .. to - 1` of the inner dimension. */
function part(graph: GraphBuilder, { whole, inner }: Operand, from: number, to: number): Operand {
  const axis = whole.shape.length + inner;
  const starts = whole.shape.map((_, i) => (i === axis ? from : 0));
  const ends = whole.shape.map((dim, i) => (i === axis ? to : dim));
  return { whole: slice(graph, whole, { starts, ends }), inner };
}

/** The sum in float32 of the products of `pieces` pieces, each a product of its own in float16. */
function sumOfPieces(graph: GraphBuilder, left: Operand, right: Operand, pieces: number): Sym {
  const [l, r] = [split(graph, left, pieces, "left"), split(graph, right, pieces, "right")];
  const shape = productShape(l.shape, r.shape);
  const product = graph.sym({ op: "MatMul", inputs: [graph.whole(l), graph.whole(r)] }, { type: "float16", shape });
  const sums = cast(graph, product, "float32");
  if (pieces === 1) return sums;
  const inputs = [graph.whole(sums), graph.int64([shape.length - 3])];
  const type = { type: sums.type, shape: shape.toSpliced(-3, 1) };
  return graph.sym({ op: "ReduceSum", inputs, attributes: { keepdims: 0n } }, type);
}

/** An operand with its pieces as an axis before the last two: [..., M, c] on the left and [..., c, N] on the right. */
function split(graph: GraphBuilder, { whole, inner }: Operand, pieces: number, side: "left" | "right"): Sym {
  const turned = (side === "left") === (inner === -2);
  const rank = whole.shape.length;
  if (pieces === 1) return turned ? swapLast(graph, whole) : whole;
  const width = whole.shape.at(inner)! / pieces;
  const shape = whole.shape.toSpliced(rank + inner, 1, pieces, width);
  const cutUp = reshape(graph, whole, shape);
  // [..., P, c, M] or [..., M, P, c]; the right side [..., P, c, N] or [..., N, P, c]
  if (inner === -2) return turned ? swapLast(graph, cutUp) : cutUp;
  const piecesFirst = exchanged(range(rank + 1), -2, -3);
  return transpose(graph, cutUp, turned ? exchanged(piecesFirst, -1, -2) : piecesFirst);
}
