/**
 * Filters of convolutions in the order ONNX wants. tfjs keeps them as [kh, kw, from, to], ONNX as [to, from, kh, kw].
 *
 * A `Transpose` that brings the taps from first to last place is slow (14 ms for 512 -> 512, 3x3, where splitting them
 * off and joining them along the last axis takes 3 ms), so that is done instead.
 */
import type { GraphBuilder, Sym } from "../graphBuilder.js";
import { sizeOf } from "../shapeMath.js";
import { concat, reshape, split, transpose } from "./shapes.js";

/** [kh, kw, from, to] -> [to, from, kh, kw]. */
export function outputFirst(graph: GraphBuilder, filter: Sym): Sym {
  const [kh, kw, from, to] = filter.shape as [number, number, number, number];
  const taps = transpose(graph, reshape(graph, filter, [kh * kw, from, to]), [0, 2, 1]);
  return reshape(graph, tapsLast(graph, taps), [to, from, kh, kw]);
}

/** [kh, kw, from, to] -> [from, to, kh, kw] turned by half a circle: the filter of the gradient by the input. */
export function turned(graph: GraphBuilder, filter: Sym): Sym {
  const [kh, kw, from, to] = filter.shape as [number, number, number, number];
  const taps = reshape(graph, filter, [kh * kw, from, to]);
  return reshape(graph, tapsLast(graph, taps, true), [from, to, kh, kw]);
}

/** [taps, ...] -> [..., taps] as rows of taps, in reverse order if asked. */
function tapsLast(graph: GraphBuilder, filter: Sym, reverse = false): Sym {
  const [taps, ...rest] = filter.shape as [number, ...number[]];
  const columns = reshape(graph, filter, [taps, sizeOf(rest), 1]);
  const parts = split(graph, columns, { axis: 0, sizes: Array.from({ length: taps }, () => 1) });
  return concat(graph, reverse ? parts.reverse() : parts, 2);
}
