/** Kernels that move elements without computing: reshape, transpose, slice, join, pad, repeat. */
import type * as tf from "@tensorflow/tfjs";
import { exchanged, range, sameShape, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { PlainAttribute } from "../onnx.js";
import type { Sym } from "../symbols.js";
import { defineListLowering, defineLowering, elementOf } from "../traceBackend.js";
import { cast, number } from "./elementwise.js";
import { havePlanes, imagesOf, planes } from "./layout.js";

const CHANNELS_FIRST = [0, 3, 1, 2];
const CHANNELS_LAST = [0, 2, 3, 1];
const END = Number.MAX_SAFE_INTEGER;

defineLowering("Reshape", ["x"], ({ inputs: { x }, attributes, graph }) =>
  reshape(graph, x, inferredShape(x.shape, attributes["shape"] as readonly number[])),
);
defineLowering("ExpandDims", ["input"], ({ inputs: { input }, attributes, graph }) => {
  const rank = input.shape.length + 1;
  const axis = (Number(attributes["dim"]) + rank) % rank;
  return reshape(graph, input, input.shape.toSpliced(axis, 0, 1));
});
defineLowering("Transpose", ["x"], ({ inputs: { x }, attributes, graph }) =>
  transpose(graph, x, attributes["perm"] as readonly number[]),
);
defineLowering("Slice", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const begin = listOf(attributes["begin"]);
  const size = listOf(attributes["size"]);
  const lengths = x.shape.map((dim, i) => ((size[i] ?? -1) < 0 ? dim - (begin[i] ?? 0) : size[i]!));
  const ends = lengths.map((length, i) => (begin[i] ?? 0) + length);
  return slice(graph, x, { starts: x.shape.map((_, i) => begin[i] ?? 0), ends });
});
defineListLowering("Concat", ({ inputs, attributes, graph }) => concat(graph, inputs, Number(attributes["axis"])));
defineListLowering("Pack", ({ inputs, attributes, graph }) => {
  const rank = inputs[0].shape.length + 1;
  const axis = (Number(attributes["axis"]) + rank) % rank;
  return concat(
    graph,
    inputs.map((one) => reshape(graph, one, one.shape.toSpliced(axis, 0, 1))),
    axis,
  );
});
defineLowering("Unpack", ["value"], ({ inputs: { value }, attributes, graph }) => {
  const rank = value.shape.length;
  const axis = (Number(attributes["axis"]) + rank) % rank;
  const shape = value.shape.filter((_, i) => i !== axis);
  graph.varying.expectFixed([value.shape[axis]!]);
  const parts = split(graph, value, { axis, sizes: Array.from({ length: value.shape[axis]! }, () => 1) });
  return parts.map((part) => reshape(graph, part, shape));
});
defineLowering("SplitV", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const rank = x.shape.length;
  const axis = (Number(attributes["axis"]) + rank) % rank;
  const given = attributes["numOrSizeSplits"] as number | readonly number[];
  const length = x.shape[axis]!;
  const sizes = typeof given === "number" ? Array.from({ length: given }, () => length / given) : [...given];
  const open = sizes.indexOf(-1);
  if (open >= 0) sizes[open] = length - sizes.reduce((sum, size) => sum + size, 1);
  return split(graph, x, { axis, sizes });
});
defineLowering("PadV2", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const paddings = attributes["paddings"] as readonly (readonly [number, number])[];
  return pad(graph, x, paddings, Number(attributes["constantValue"] ?? 0));
});
defineLowering("Tile", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const reps = attributes["reps"] as readonly number[];
  const shape = x.shape.map((dim, i) => dim * reps[i]!);
  if (x.shape.every((dim, i) => dim === 1 || reps[i] === 1)) return { ...x, shape }; // a broadcast
  return byMoving(graph, x, { op: "Tile", others: [graph.int64(reps)], shape });
});
defineLowering("Reverse", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const { shape } = x;
  const dims = attributes["dims"] === undefined ? shape.map((_, i) => i) : listOf(attributes["dims"]);
  const axes = dims.map((axis) => (axis + shape.length) % shape.length);
  if (axes.length === 0) return x;
  if (graph.target === "webgpu" && x.type !== "float32")
    return axes.reduce((turned, axis) => gather(graph, turned, axis, range(shape[axis]!).reverse()), x);
  const inputs = [axes.map(() => -1), axes.map(() => -END), axes, axes.map(() => -1)].map((v) => graph.int64(v));
  return graph.sym({ op: "Slice", inputs: [graph.whole(x), ...inputs] }, x);
});
defineLowering("Fill", [], ({ attributes, graph }) => {
  const type = elementOf(attributes["dtype"] as tf.DataType);
  return { ...number(graph, Number(attributes["value"]), type), shape: attributes["shape"] as readonly number[] };
});
defineLowering("Range", [], ({ attributes, graph }) => {
  const { start, stop, step: given } = attributes as { start: number; stop: number; step: number };
  const step = stop < start && given === 1 ? -1 : given; // tf.range counts down by itself
  const count = Math.max(0, Math.ceil((stop - start) / step));
  const values = Array.from({ length: count }, (_, i) => start + i * step);
  return graph.constant(values, [count], attributes["dtype"] === "int32" ? "int32" : "float32");
});

/** The same elements in the same order under another shape. */
export function reshape(graph: GraphBuilder, x: Sym, shape: readonly number[]): Sym {
  if (sameShape(x.shape, shape)) return x;
  if (sizeOf(x.stored.shape) === 1) return scalarAs(graph, x, shape);
  const stored = x.stored.values;
  if (stored && sameShape(x.stored.shape, x.shape)) return { ...x, shape, stored: { shape, values: stored } };
  return byMoving(graph, x, { op: "Reshape", others: [graph.int64(shape)], shape });
}

/** A one-element value seen as any shape it broadcasts to. */
function scalarAs(graph: GraphBuilder, x: Sym, shape: readonly number[]): Sym {
  if (x.stored.shape.length <= shape.length) return { ...x, shape };
  const name = graph.node({ op: "Reshape", inputs: [graph.compact(x), graph.int64([])] }, { type: x.type, shape: [] });
  return { ...x, shape, stored: { shape: [], name } };
}

/** Axes in another order. */
export function transpose(graph: GraphBuilder, x: Sym, order: readonly number[]): Sym {
  const shape = order.map((axis) => x.shape[axis]!);
  if (order.every((axis, i) => axis === i)) return x;
  if (sizeOf(x.stored.shape) === 1 && x.stored.shape.length === 0) return { ...x, shape };
  if (graph.varying.isFixed(shape) && onlyOnesMove(x, order)) return reshape(graph, x, shape);
  if (sameShape(order, CHANNELS_FIRST) && havePlanes(x)) return planes(graph, x);
  if (sameShape(order, CHANNELS_LAST)) return imagesOf(graph, x);
  const attributes = { perm: order.map(BigInt) };
  return byMoving(graph, x, { op: "Transpose", attributes, shape });
}

/** Transpose of the last two axes. */
export function swapLast(graph: GraphBuilder, x: Sym): Sym {
  return transpose(graph, x, exchanged(range(x.shape.length), -1, -2));
}

function onlyOnesMove({ shape }: Sym, order: readonly number[]): boolean {
  const others = order.filter((axis) => shape[axis] !== 1);
  return others.every((axis, i) => i === 0 || axis > others[i - 1]!);
}

type Move = {
  readonly op: string;
  /** Inputs besides the elements. */
  readonly others?: readonly string[];
  readonly attributes?: Readonly<Record<string, PlainAttribute>>;
  readonly shape: readonly number[];
};

/** All elements of `x`, moved by an operation. */
function byMoving(graph: GraphBuilder, x: Sym, { op, others = [], attributes = {}, shape }: Move): Sym {
  const type = { type: x.type, shape };
  return graph.named(graph.move({ op, inputs: [graph.whole(x), ...others], attributes }, x.shape, type), type);
}

/** Elements `starts[i] .. ends[i] - 1` of every axis. */
export function slice(
  graph: GraphBuilder,
  x: Sym,
  { starts, ends }: { starts: readonly number[]; ends: readonly number[] },
): Sym {
  const axes = x.shape.map((_, i) => i).filter((i) => starts[i] !== 0 || ends[i] !== x.shape[i]);
  if (axes.length === 0) return x;
  const shape = x.shape.map((_, i) => ends[i]! - starts[i]!);
  if (x.stored.shape.length === 0) return { ...x, shape };
  if (graph.target === "webgpu" && x.type !== "float32" && x.type !== "float16")
    return axes.reduce((cut, axis) => gather(graph, cut, axis, range(ends[axis]!).slice(starts[axis])), x);
  const pick = (values: readonly number[]) => graph.int64(axes.map((axis) => values[axis]!));
  const inputs = [graph.whole(x), pick(starts), pick(ends), graph.int64(axes)];
  return graph.sym({ op: "Slice", inputs }, { type: x.type, shape });
}

/** The given places of an axis: the way to cut and to turn what is no float on WebGPU, whose `Slice` takes floats alone. */
function gather(graph: GraphBuilder, x: Sym, axis: number, places: readonly number[]): Sym {
  const indices = graph.constant(places, [places.length], "int32");
  const shape = x.shape.with(axis, places.length);
  const attributes = { axis: BigInt(axis) };
  return byMoving(graph, x, { op: "Gather", others: [graph.whole(indices)], attributes, shape });
}

/** `value` added before and after the elements of every axis. */
export function pad(graph: GraphBuilder, x: Sym, paddings: readonly (readonly [number, number])[], value = 0): Sym {
  const shape = x.shape.map((dim, i) => dim + paddings[i]![0] + paddings[i]![1]);
  if (sameShape(shape, x.shape)) return x;
  const pads = graph.int64([...paddings.map((p) => p[0]), ...paddings.map((p) => p[1])]);
  const inputs = [graph.whole(x), pads, ...(value === 0 ? [] : [graph.scalar(value, x.type)])];
  return graph.sym({ op: "Pad", inputs }, { type: x.type, shape });
}

/** Pieces of the given sizes along one axis. */
export function split(graph: GraphBuilder, x: Sym, { axis, sizes }: { axis: number; sizes: readonly number[] }): Sym[] {
  if (sizes.length === 1) return [x];
  if (graph.target === "webgpu" && x.type === "bool") {
    const parts = split(graph, cast(graph, x, "int32"), { axis, sizes });
    return parts.map((part) => cast(graph, part, "bool"));
  }
  const request = {
    op: "Split",
    inputs: [graph.whole(x), graph.int64(sizes)],
    attributes: { axis: BigInt(axis) },
  };
  const types = sizes.map((size) => ({ type: x.type, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) }));
  return graph.multi(request, types).map((name, part) => graph.named(name, types[part]!));
}

/** Pieces joined along one axis. */
export function concat(graph: GraphBuilder, parts: readonly Sym[], axis: number): Sym {
  const first = parts[0];
  if (!first) throw new Error("concat of nothing");
  if (parts.length === 1) return first;
  if (graph.target === "webgpu" && first.type === "bool") {
    const numbers = parts.map((part) => cast(graph, part, "int32"));
    return cast(graph, concat(graph, numbers, axis), "bool");
  }
  const at = axis < 0 ? axis + first.shape.length : axis;
  const total = parts.reduce((sum, part) => sum + part.shape[at]!, 0);
  const shape = first.shape.map((dim, i) => (i === at ? total : dim));
  const inputs = parts.map((part) => graph.whole(part));
  return graph.sym({ op: "Concat", inputs, attributes: { axis: BigInt(at) } }, { type: first.type, shape });
}

/** An attribute that may be one number, a list, or absent. */
const listOf = (attribute: unknown): readonly number[] => [(attribute ?? []) as number | readonly number[]].flat();

function inferredShape(from: readonly number[], wanted: readonly number[]): number[] {
  const known = wanted.reduce((product, dim) => (dim < 0 ? product : product * dim), 1);
  return wanted.map((dim) => (dim < 0 ? sizeOf(from) / known : dim));
}
