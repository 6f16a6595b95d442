/** Maxima and means over windows, and their gradients. */
import { range } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { defineLowering } from "../traceBackend.js";
import { convTranspose } from "./convolution.js";
import { cast, elementwise, number } from "./elementwise.js";
import { type Geometry, poolGeometry, windowAttributes } from "./geometry.js";
import { imagesOf, planes } from "./layout.js";
import { concat, pad, reshape, slice } from "./shapes.js";

defineLowering("MaxPool", ["x"], ({ inputs: { x }, attributes, graph }) =>
  pool(graph, planes(graph, x), { op: "MaxPool", geometry: poolGeometry(attributes, x.shape) }),
);

defineLowering("AvgPool", ["x"], ({ inputs: { x }, attributes, graph }) =>
  pool(graph, planes(graph, x), { op: "AveragePool", geometry: poolGeometry(attributes, x.shape) }),
);

/** Puts dy where the maxima were. */
defineLowering("MaxPoolGrad", ["dy", "input"], ({ inputs: { dy, input }, attributes, graph }) => {
  const geometry = poolGeometry(attributes, input.shape);
  if (geometry.axes.some(({ kernel, stride }) => kernel > stride))
    throw new Error("the gradient of max pooling is traced only for windows that do not overlap");
  if (graph.target === "webgpu") return firstMaxima(graph, { x: input, dy, geometry });
  const x = planes(graph, input);
  const attributesOut = windowAttributes(geometry);
  const { shape } = planes(graph, dy);
  const types = [
    { type: x.type, shape },
    { type: "int64", shape },
  ] as const;
  const [, places] = graph.multi({ op: "MaxPool", inputs: [graph.whole(x)], attributes: attributesOut }, types);
  const inputs = [graph.whole(planes(graph, dy)), places!, graph.int64(x.shape)];
  return imagesOf(graph, graph.sym({ op: "MaxUnpool", inputs, attributes: attributesOut }, x));
});

/**
 * The same for WebGPU, which does not say where maxima are: of the elements of a window that equal its maximum, the
 * first, tap by tap, gets dy.
 */
function firstMaxima(graph: GraphBuilder, { x, dy, geometry }: { x: Sym; dy: Sym; geometry: Geometry }): Sym {
  const { batch, from, axes } = geometry;
  if (axes.some(({ before, after, kernel, stride }) => before > 0 || after > 0 || kernel !== stride))
    throw new Error("the gradient of max pooling is traced for WebGPU only without padding or gaps");
  const [rows, columns] = axes;
  const pooled = planes(graph, pool(graph, planes(graph, x), { op: "MaxPool", geometry }));
  const [high, wide] = axes.map(({ out, kernel }) => out * kernel) as [number, number];
  const used = slice(graph, planes(graph, x), { starts: [0, 0, 0, 0], ends: [batch, from, high, wide] });
  const windows = reshape(graph, used, [batch * from, rows.out, rows.kernel, columns.out, columns.kernel]);
  const perWindow = [batch * from, rows.out, 1, columns.out, 1];
  const [maxima, gradient] = [pooled, planes(graph, dy)].map((sym) => reshape(graph, sym, perWindow)) as [Sym, Sym];
  let free: Sym = number(graph, 1); // 1 until a window's maximum was met
  const kernelRows = range(rows.kernel).map((a) => {
    const taps = range(columns.kernel).map((b) => {
      const [starts, ends] = [[0, 0, a, 0, b], perWindow.map((size, axis) => size + [0, 0, a, 0, b][axis]!)];
      const tap = slice(graph, windows, { starts, ends });
      const hit = cast(graph, elementwise(graph, "Equal", [tap, maxima], { type: "bool" }), "float32");
      const first = elementwise(graph, "Mul", [hit, free]);
      free = elementwise(graph, "Sub", [free, first]);
      return elementwise(graph, "Mul", [gradient, first]);
    });
    return concat(graph, taps, 4);
  });
  const spread = reshape(graph, concat(graph, kernelRows, 2), [batch, from, high, wide]);
  const edges = [
    [0, 0],
    [0, 0],
    [0, rows.size - high],
    [0, columns.size - wide],
  ] as const;
  return imagesOf(graph, pad(graph, spread, edges));
}

/** Spreads dy evenly over the window it came from. */
defineLowering("AvgPoolGrad", ["dy", "input"], ({ inputs: { dy, input }, attributes, graph }) => {
  const { batch, from, axes } = poolGeometry(attributes, input.shape);
  if (axes.some(({ before, after }) => before > 0 || after > 0))
    throw new Error("the gradient of mean pooling is traced only without padding");
  const [rows, columns] = axes;
  const area = rows.kernel * columns.kernel;
  const filter = graph.constant(new Float32Array(area).fill(1 / area), [1, 1, rows.kernel, columns.kernel], "float32");
  // Every channel of every image by itself: one channel, B C images.
  const flat = reshape(graph, planes(graph, dy), [batch * from, 1, rows.out, columns.out]);
  const geometry: Geometry = { batch: batch * from, from: 1, to: 1, axes };
  const spread = planes(graph, convTranspose(graph, flat, { filter, geometry }));
  return imagesOf(graph, reshape(graph, spread, [batch, from, rows.size, columns.size]));
});

function pool(graph: GraphBuilder, x: Sym, { op, geometry }: { op: string; geometry: Geometry }): Sym {
  const { batch, to, axes } = geometry;
  const type = { type: x.type, shape: [batch, to, axes[0].out, axes[1].out] };
  return imagesOf(graph, graph.sym({ op, inputs: [graph.whole(x)], attributes: windowAttributes(geometry) }, type));
}
