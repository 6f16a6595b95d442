/** Lookup by index, its gradient, and one-hot vectors. */
import { type Sym, sizeOf } from "../graphBuilder.js";
import { defineLowering } from "../traceBackend.js";
import { cast } from "./elementwise.js";
import { matMul } from "./matmul.js";
import { reshape } from "./shapes.js";

/** Up to this many segments the scatter is a product with a one-hot matrix; beyond, its cost in K loses. */
const ONE_HOT_SEGMENTS = 1024;

defineLowering("GatherV2", ({ inputs: { x, indices }, attributes, graph }) => {
  const axis = Number(attributes["axis"] ?? 0);
  if (Number(attributes["batchDims"] ?? 0) !== 0) throw new Error("gather with batchDims has no lowering");
  const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
  const inputs = [graph.whole(x!), graph.whole(indices!)];
  return graph.sym({ op: "Gather", inputs, attributes: { axis: BigInt(axis) } }, { type: x!.type, shape });
});

defineLowering("OneHot", ({ inputs: { indices }, attributes, graph }) => {
  const depth = Number(attributes["depth"]);
  const dtype = attributes["dtype"] === "int32" ? "int32" : attributes["dtype"] === "bool" ? "bool" : "float32";
  const values = graph.compact(
    graph.constant([Number(attributes["offValue"] ?? 0), Number(attributes["onValue"] ?? 1)], [2], dtype),
  );
  // ONNX counts negative indices from the end; tfjs gives them no hot element. Codes and labels are never negative.
  const inputs = [graph.whole(indices!), graph.int64([depth]), values];
  return graph.sym({ op: "OneHot", inputs }, { type: dtype, shape: [...indices!.shape, depth] });
});

/** Sum of the rows of `x` [M, ...] by segment: what the gradient of a lookup scatters into its table. */
defineLowering("UnsortedSegmentSum", ({ inputs: { x, segmentIds }, attributes, graph, target }) => {
  const segments = Number(attributes["numSegments"]);
  const count = sizeOf(segmentIds!.shape);
  const width = sizeOf(x!.shape) / count;
  const shape = [segments, ...x!.shape.slice(segmentIds!.shape.length)];
  if (graph.uniformValue(x!) === 0) return { ...x!, shape };
  const rows = reshape(graph, x!, [count, width]);
  const ids = reshape(graph, segmentIds!, [count]);
  if (segments <= ONE_HOT_SEGMENTS || target !== "cpu") {
    const values = graph.compact(graph.constant([0, 1], [2], "float32"));
    const hotInputs = [graph.whole(ids), graph.int64([segments]), values];
    const hot = graph.sym({ op: "OneHot", inputs: hotInputs }, { type: "float32", shape: [count, segments] });
    return reshape(graph, matMul({ graph, target }, hot, rows, { transposeA: true }), shape);
  }
  const zeros: Sym = { ...graph.constant([0], [], x!.type), shape: [segments, width] };
  const column = reshape(graph, cast(graph, ids, "int64"), [count, 1]);
  const inputs = [graph.whole(zeros), graph.whole({ ...column, shape: [count, width] }), graph.whole(rows)];
  const attributesOut = { axis: 0n, reduction: "add" };
  const type = { type: x!.type, shape: [segments, width] };
  return reshape(graph, graph.sym({ op: "ScatterElements", inputs, attributes: attributesOut }, type), shape);
});
