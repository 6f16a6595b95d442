/**
 * Filters of convolutions in the order ONNX wants. tfjs keeps them as [kh, kw, from, to], ONNX as [to, from, kh, kw].
 *
 * A `Transpose` that brings the taps from first to last place is slow (14 ms for 512 -> 512, 3x3, where splitting them
 * off and joining them along the last axis takes 3 ms), so that is done instead. Filters that are part of the model as
 * they are, other than depthwise ones going forward, are put in order while tracing: ONNX Runtime would do it node by node, and keep
 * the memory of all that lies between.
 */

import { sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { concat, reshape, split, transpose } from "./shapes.js";

/** [kh, kw, from, to] -> [to, from, kh, kw]. */
export function outputFirst(graph: GraphBuilder, filter: Sym): Sym {
  const [kh, kw, from, to] = filter.shape as [number, number, number, number];
  const order: Order = { name: "output first", sizes: [to, from, kh * kw], strides: [1, to, from * to] };
  const shape = [to, from, kh, kw];
  const builtIn = inOrderNow(graph, filter, order, shape);
  if (builtIn) return builtIn;
  const taps = transpose(graph, reshape(graph, filter, [kh * kw, from, to]), [0, 2, 1]);
  return reshape(graph, tapsLast(graph, taps), shape);
}

/** [kh, kw, from, to] -> [from, to, kh, kw] turned by half a circle: the filter of the gradient by the input. */
export function turned(graph: GraphBuilder, filter: Sym): Sym {
  const [kh, kw, from, to] = filter.shape as [number, number, number, number];
  const last = (kh * kw - 1) * from * to;
  const order: Order = { name: "turned", sizes: [from, to, kh * kw], strides: [to, 1, -from * to], start: last };
  const shape = [from, to, kh, kw];
  const builtIn = inOrderNow(graph, filter, order, shape);
  if (builtIn) return builtIn;
  const taps = reshape(graph, filter, [kh * kw, from, to]);
  return reshape(graph, tapsLast(graph, taps, true), shape);
}

/** Which numbers make an array of `sizes`: those that stand `strides` apart, from `start` (0 if absent) on. */
type Order = { readonly name: string; readonly sizes: Axes; readonly strides: Axes; readonly start?: number };
type Axes = readonly [number, number, number];

/** A filter that is part of the model, put in order; undefined for others. */
function inOrderNow(graph: GraphBuilder, filter: Sym, order: Order, shape: readonly number[]): Sym | undefined {
  const given = graph.initializers.builtIn(filter);
  if (given?.type !== "float32") return undefined;
  return graph.derived(`${given.name} ${order.name}`, () => {
    const { buffer, byteOffset, byteLength } = given.bytes;
    const ordered = inOrder(new Float32Array(buffer, byteOffset, byteLength / 4), order);
    return { type: "float32", shape, bytes: new Uint8Array(ordered.buffer) };
  });
}

function inOrder(numbers: Float32Array, { sizes: [a, b, c], strides, start = 0 }: Order): Float32Array<ArrayBuffer> {
  const ordered = new Float32Array(numbers.length);
  let place = 0;
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      for (let k = 0; k < c; k++) ordered[place++] = numbers[start + i * strides[0] + j * strides[1] + k * strides[2]]!;
  return ordered;
}

/** [taps, ...] -> [..., taps] as rows of taps, in reverse order if asked. */
function tapsLast(graph: GraphBuilder, filter: Sym, reverse = false): Sym {
  const [taps, ...rest] = filter.shape as [number, ...number[]];
  const columns = reshape(graph, filter, [taps, sizeOf(rest), 1]);
  const parts = split(graph, columns, { axis: 0, sizes: Array.from({ length: taps }, () => 1) });
  return concat(graph, reverse ? parts.reverse() : parts, 2);
}
