/** Lookup by index, its gradient, and one-hot vectors. */
import type * as tf from "@tensorflow/tfjs";
import { range, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { defineLowering, elementOf } from "../traceBackend.js";
import { broadcastTo, cast, elementwise, number } from "./elementwise.js";
import { matMul } from "./matmul.js";
import { reshape } from "./shapes.js";

/** Up to this many segments the scatter is a product with a one-hot matrix; beyond, its cost in K loses. */
const ONE_HOT_SEGMENTS = 1024;

defineLowering("GatherV2", ["x", "indices"], ({ inputs: { x, indices }, attributes, graph }) => {
  const rank = x.shape.length;
  const axis = (Number(attributes["axis"] ?? 0) + rank) % rank;
  if (Number(attributes["batchDims"] ?? 0) !== 0) throw new Error("gather with batchDims has no lowering");
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const inputs = [graph.whole(x), graph.whole(indices)];
  return graph.sym({ op: "Gather", inputs, attributes: { axis: BigInt(axis) } }, { type: x.type, shape });
});

defineLowering("OneHot", ["indices"], ({ inputs: { indices }, attributes, graph }) => {
  const type = elementOf(attributes["dtype"] as tf.DataType);
  const hot = oneHot(graph, indices, Number(attributes["depth"]));
  const [on, off] = [Number(attributes["onValue"]), Number(attributes["offValue"])];
  if (on === 1 && off === 0) return cast(graph, hot, type);
  return elementwise(graph, "Where", [hot, number(graph, on, type), number(graph, off, type)], { type });
});

/**
 * Booleans [..., depth]. A comparison instead of ONNX's `OneHot`: faster, and like tfjs it leaves out indices below 0,
 * which that counts from the end.
 */
function oneHot(graph: GraphBuilder, indices: Sym, depth: number): Sym {
  const column = reshape(graph, indices, [...indices.shape, 1]);
  const places = graph.constant(range(depth), [depth], "int32");
  return elementwise(graph, "Equal", [column, places], { type: "bool" });
}

/**
 * Sum of the rows of `x` [M, ...] by segment, `segmentIds` [M]: what the gradient of a lookup scatters into its table.
 * Ids must be below `numSegments` and not negative.
 */
defineLowering("UnsortedSegmentSum", ["x", "segmentIds"], ({ inputs: { x, segmentIds }, attributes, graph }) => {
  const segments = Number(attributes["numSegments"]);
  const [count, ...rest] = x.shape as [number, ...number[]];
  const shape = [segments, ...rest];
  if (graph.uniformValue(x) === 0) return { ...number(graph, 0), shape };
  const width = sizeOf(rest);
  const rows = reshape(graph, cast(graph, x, "float32"), [count, width]);
  if (segments <= ONE_HOT_SEGMENTS || graph.target !== "cpu") {
    const hot = cast(graph, oneHot(graph, segmentIds, segments), "float32"); // [count, segments]
    return reshape(graph, matMul(graph, hot, rows, { transposeA: true }), shape);
  }
  const column = reshape(graph, cast(graph, segmentIds, "int64"), [count, 1]);
  const operands = [broadcastTo(number(graph, 0), [segments, width]), broadcastTo(column, [count, width]), rows];
  const request = {
    op: "ScatterElements",
    inputs: operands.map((sym) => graph.whole(sym)),
    attributes: { axis: 0n, reduction: "add" },
  };
  return reshape(graph, graph.sym(request, { type: "float32", shape: [segments, width] }), shape);
});
