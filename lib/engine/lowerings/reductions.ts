/** Sums, means, extremes and their positions along axes. */

import { range, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { OutputType, Sym } from "../symbols.js";
import { defineLowering, type Inputs, type LoweringCall } from "../traceBackend.js";
import { cast, elementwise, multiply, number } from "./elementwise.js";
import { firstOrder, havePlanes, onlyPlanes, planes } from "./layout.js";
import { matMul } from "./matmul.js";
import { reshape } from "./shapes.js";

const REDUCTIONS = {
  Sum: "ReduceSum",
  Mean: "ReduceMean",
  Max: "ReduceMax",
  Min: "ReduceMin",
  Prod: "ReduceProd",
} as const;

for (const [kernel, op] of Object.entries(REDUCTIONS))
  defineLowering(kernel, ["x"], (call) => {
    const { x, axes, keepDims } = reduction(call);
    const numeric = x.type === "bool" ? cast(call.graph, x, "int32") : x;
    return reduce(call.graph, op, kernel === "Mean" ? cast(call.graph, x, "float32") : numeric, { axes, keepDims });
  });

for (const [kernel, op] of Object.entries({ All: "ReduceMin", Any: "ReduceMax" }))
  defineLowering(kernel, ["x"], (call) => {
    const { x, axes, keepDims } = reduction(call);
    return cast(call.graph, reduce(call.graph, op, cast(call.graph, x, "int32"), { axes, keepDims }), "bool");
  });

for (const [kernel, op] of Object.entries({ ArgMax: "ArgMax", ArgMin: "ArgMin" }))
  defineLowering(kernel, ["x"], (call) => {
    const { x, axes } = reduction(call);
    if (call.graph.target === "webgpu") return firstExtreme(call.graph, x, axes[0]!, kernel);
    const shape = x.shape.filter((_, i) => i !== axes[0]);
    const attributes = { axis: BigInt(axes[0]!), keepdims: 0n };
    const found = call.graph.sym({ op, inputs: [call.graph.whole(x)], attributes }, { type: "int64", shape });
    return cast(call.graph, found, "int32");
  });

/**
 * The first place along an axis where the extreme stands, for WebGPU, whose `ArgMax` gives an int64 that it cannot read:
 * the least of the places that equal it. Where nothing does, since it is not a number, the last place.
 */
function firstExtreme(graph: GraphBuilder, x: Sym, axis: number, kernel: string): Sym {
  const extreme = reduce(graph, kernel === "ArgMax" ? "ReduceMax" : "ReduceMin", x, { axes: [axis], keepDims: true });
  const length = x.shape[axis]!;
  const places = graph.constant(
    range(length),
    x.shape.map((_, i) => (i === axis ? length : 1)),
    "int32",
  );
  const found = elementwise(graph, "Equal", [x, extreme], { type: "bool" });
  const last = number(graph, length - 1, "int32");
  const candidates = elementwise(graph, "Where", [found, places, last], { type: "int32" });
  return reduce(graph, "ReduceMin", candidates, { axes: [axis] });
}

/** Reduction of `x` over `axes`; sums and means over axes along which `x` is constant are multiplications. */
export function reduce(
  graph: GraphBuilder,
  op: string,
  x: Sym,
  { axes, keepDims = false }: { axes: readonly number[]; keepDims?: boolean },
): Sym {
  const shape = reducedShape(x.shape, axes, keepDims);
  const value = graph.uniformValue(x);
  if (value !== undefined && op === "ReduceSum") {
    const count = sizeOf(x.shape) / sizeOf(shape);
    graph.varying.expectFixed([count]);
    return { ...multiply(graph, number(graph, value, x.type), number(graph, count, x.type)), shape };
  }
  if (value !== undefined && op !== "ReduceProd") return { ...x, shape };
  if (axes.length === 0) return x;
  const type: OutputType = { type: x.type, shape };
  const attributes = { keepdims: keepDims ? 1n : 0n };
  const places = axes.map((axis) => PLACE_AMONG_PLANES[axis]!);
  if (onlyPlanes(x) && havePlanes(x) && (keepDims || sameOrder(axes))) {
    const inputs = [graph.whole(planes(graph, x)), graph.int64(places)];
    if (!keepDims) return graph.sym({ op, inputs, attributes }, type);
    const made = graph.node({ op, inputs, attributes }, { type: x.type, shape: firstOrder(shape) });
    return { ...type, stored: { shape, channelsFirst: made } };
  }
  if (op === "ReduceSum" && sumsRows(graph, x, axes)) return reshape(graph, sumOfRows(graph, x, axes.length), shape);
  return graph.sym({ op, inputs: [graph.whole(x), graph.int64(axes)], attributes }, type);
}

/** Whether many rows are summed, as gradients of biases are: over the leading axes, on the processor. */
function sumsRows(graph: GraphBuilder, x: Sym, axes: readonly number[]): boolean {
  if (graph.target !== "cpu" || x.type !== "float32") return false;
  const leading = axes.length < x.shape.length && axes.toSorted((a, b) => a - b).every((axis, i) => axis === i);
  const [rows, columns] = rowsOf(x.shape, axes.length);
  return leading && graph.varying.isFixed(x.shape) && rows >= MANY_ROWS && columns >= MANY_COLUMNS;
}

const MANY_ROWS = 64;
const MANY_COLUMNS = 32;
const PIECES = 16;
const MOST_PIECES = 64;

/**
 * The sum over the leading axes, [columns]: in pieces a row of ones times their rows, then the sum of the pieces. That is
 * two to three times as fast as `ReduceSum` of all rows, which ONNX Runtime adds up one after the other.
 */
function sumOfRows(graph: GraphBuilder, x: Sym, leading: number): Sym {
  const [rows, columns] = rowsOf(x.shape, leading);
  let pieces = PIECES;
  while (rows % pieces !== 0) pieces--;
  const inPieces = x.shape.length === 3 && leading === 2 && x.shape[0]! >= pieces && x.shape[0]! <= MOST_PIECES;
  const parts = inPieces ? x : reshape(graph, x, [pieces, rows / pieces, columns]);
  const ones = { ...number(graph, 1), shape: [1, parts.shape[1]!] };
  const sums = matMul(graph, ones, parts); // [pieces, 1, columns]
  return graph.sym(
    { op: "ReduceSum", inputs: [graph.whole(sums), graph.int64([0, 1])], attributes: { keepdims: 0n } },
    { type: x.type, shape: [columns] },
  );
}

const rowsOf = (shape: readonly number[], leading: number) =>
  [sizeOf(shape.slice(0, leading)), sizeOf(shape.slice(leading))] as const;

/** Where the axes of [B, H, W, C] are in [B, C, H, W]. */
const PLACE_AMONG_PLANES = [0, 2, 3, 1];

/** Whether what is left of images has its axes in the same order, channels first or last. */
function sameOrder(reduced: readonly number[]): boolean {
  return reduced.includes(3) || (reduced.includes(1) && reduced.includes(2));
}

function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  return shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
}

function reduction({ inputs: { x }, attributes }: LoweringCall<Inputs<"x">>) {
  const given = (attributes["axis"] ?? attributes["reductionIndices"]) as number | readonly number[] | null | undefined;
  const all = x.shape.map((_, i) => i);
  const axes = given === undefined || given === null ? all : [given].flat().map((a) => (a < 0 ? a + all.length : a));
  return { x, axes, keepDims: attributes["keepDims"] === true };
}
