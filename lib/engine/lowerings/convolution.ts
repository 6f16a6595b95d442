/**
 * Convolutions and their gradients. How each is written was chosen by measurement: forward and the gradient by the
 * input at stride 1 as `Conv`, at other strides as `ConvTranspose`; the gradient by the filter as matrix products over
 * shifted images; convolutions of one pixel as matrix products.
 */
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { defineLowering } from "../traceBackend.js";
import { number } from "./elementwise.js";
import { outputFirst, turned } from "./filters.js";
import { convGeometry, type Geometry, windowAttributes } from "./geometry.js";
import { latePlanes, lateShape } from "./lateShapes.js";
import { imagesOf, onlyPlanes, planes } from "./layout.js";
import { matMul } from "./matmul.js";
import { concat, pad, reshape, slice, transpose } from "./shapes.js";

defineLowering("Conv2D", ["x", "filter"], ({ inputs: { x, filter }, attributes, graph }) => {
  const geometry = convGeometry(attributes, { input: x.shape, filter: filter.shape });
  const shape = [geometry.batch, geometry.axes[0].out, geometry.axes[1].out, geometry.to];
  if (anyZero(graph, [x, filter])) return zeros(graph, shape);
  if (isPointwise(geometry)) return pointwise(graph, x, filter);
  return conv(graph, planesFor(graph, x, filter), { filter: outputFirst(graph, filter), geometry });
});

defineLowering("Conv2DBackpropInput", ["dy", "filter"], ({ inputs: { dy, filter }, attributes, graph }) => {
  const shape = attributes["inputShape"] as readonly number[];
  const geometry = convGeometry(attributes, { input: shape, filter: filter.shape });
  if (anyZero(graph, [dy, filter])) return zeros(graph, shape);
  if (isPointwise(geometry)) return pointwise(graph, dy, filter, { transposeFilter: true });
  const back = backwards(geometry);
  if (back) return conv(graph, planesFor(graph, dy, filter), { filter: turned(graph, filter), geometry: back });
  return convTranspose(graph, planesFor(graph, dy, filter), { filter: outputFirst(graph, filter), geometry });
});

defineLowering("Conv2DBackpropFilter", ["x", "dy"], ({ inputs: { x, dy }, attributes, graph }) => {
  const shape = attributes["filterShape"] as readonly number[];
  const geometry = convGeometry(attributes, { input: x.shape, filter: shape });
  if (anyZero(graph, [x, dy])) return zeros(graph, shape);
  const matrix =
    isPointwise(geometry) && !onlyPlanes(x)
      ? matMul(graph, rowsOf(graph, x), rowsOf(graph, dy), { transposeA: true })
      : geometry.axes.every(({ stride }) => stride === 1)
        ? filterGradient(graph, { x, dy, geometry })
        : stridedFilterGradient(graph, { x, dy, geometry });
  return reshape(graph, matrix, shape);
});

/** `Conv` of planes [B, from, H, W], `filter` in ONNX's order; gives images. */
export function conv(
  graph: GraphBuilder,
  x: Sym,
  { filter, geometry, group = 1 }: { filter: Sym; geometry: Geometry; group?: number },
): Sym {
  const { batch, to, axes } = geometry;
  const attributes = {
    ...windowAttributes(geometry),
    dilations: axes.map(({ dilation }) => BigInt(dilation)),
    group: BigInt(group),
  };
  const type = { type: x.type, shape: [batch, to, axes[0].out, axes[1].out] };
  return imagesOf(graph, graph.sym({ op: "Conv", inputs: [graph.whole(x), graph.whole(filter)], attributes }, type));
}

/** Gradient by the input of the convolution that `geometry` and `filter` (in ONNX's order) describe. */
export function convTranspose(
  graph: GraphBuilder,
  dy: Sym,
  { filter, geometry, group = 1 }: { filter: Sym; geometry: Geometry; group?: number },
): Sym {
  const { batch, from, axes } = geometry;
  const attributes = {
    ...windowAttributes(geometry),
    output_padding: axes.map(({ after }) => BigInt(Math.max(0, -after))),
    group: BigInt(group),
  };
  const type = { type: dy.type, shape: [batch, from, axes[0].size, axes[1].size] };
  const inputs = [graph.whole(dy), graph.whole(filter)];
  return imagesOf(graph, graph.sym({ op: "ConvTranspose", inputs, attributes }, type));
}

/**
 * Planes of images, of a late shape unless the filter is a weight that is built into the model as it is. Filters that are trained or
 * made in a step, as those of a blur, are at work in trainings, where images of one size come at distant times.
 */
export function planesFor(graph: GraphBuilder, images: Sym, filter: Sym): Sym {
  return graph.initializers.builtIn(filter) ? planes(graph, images) : latePlanes(graph, images);
}

/** The convolution that is the gradient by the input, where there is one: stride 1, not padded beyond the kernel. */
export function backwards({ batch, from, to, axes }: Geometry): Geometry | undefined {
  if (!axes.every((a) => a.stride === 1 && a.before < a.kernel && a.after < a.kernel)) return undefined;
  const [rows, columns] = axes.map((a) => ({
    ...a,
    size: a.out,
    out: a.size,
    before: a.kernel - 1 - a.before,
    after: a.kernel - 1 - a.after,
  }));
  return { batch, from: to, to: from, axes: [rows!, columns!] };
}

/** A product at every pixel with the one tap of `filter` [1, 1, from, to], in the layout the images are in. */
function pointwise(graph: GraphBuilder, x: Sym, filter: Sym, { transposeFilter = false } = {}): Sym {
  const [B, H, W, C] = x.shape as [number, number, number, number];
  const matrix = reshape(graph, filter, filter.shape.slice(2));
  const to = matrix.shape[transposeFilter ? 0 : 1]!;
  const late = (sym: Sym) => (graph.initializers.builtIn(filter) ? sym : lateShape(graph, sym));
  if (onlyPlanes(x)) {
    const flat = late(reshape(graph, planesFor(graph, x, filter), [B, C, H * W]));
    const product = matMul(graph, matrix, flat, { transposeA: !transposeFilter }); // [B, to, H W]
    return imagesOf(graph, late(reshape(graph, product, [B, to, H, W])));
  }
  const product = matMul(graph, late(rowsOf(graph, x)), matrix, { transposeB: transposeFilter });
  return late(reshape(graph, product, [B, H, W, to]));
}

/** From this width on, a tap is read together with the padding at the ends of its rows: see `filterGradient`. */
const FLAT_WIDTH = 24;

/**
 * Gradient by the filter at stride 1, [taps * from, to]: for each tap, the planes of x shifted by it, [from, K], times
 * dy, [K, to], K running over all pixels of the output.
 *
 * Cutting out the shifted planes copies them row by row. In wide images it is faster to copy the rows together with
 * their padding, which is one piece, and to give dy zeros in those places.
 */
function filterGradient(graph: GraphBuilder, { x, dy, geometry }: { x: Sym; dy: Sym; geometry: Geometry }): Sym {
  const { batch, from, to, axes } = geometry;
  const [rows, columns] = axes;
  const flat = columns.out >= FLAT_WIDTH && columns.kernel > 1;
  const spare = flat ? 1 : 0; // the last tap reads beyond the last row
  const edges = [
    [0, 0],
    [0, 0],
    [rows.before, rows.after + spare],
    [columns.before, columns.after],
  ] as const;
  const padded = transpose(graph, pad(graph, planes(graph, x), edges), [1, 0, 2, 3]); // [from, B, height, width]
  const [, , height, width] = padded.shape as [number, number, number, number];
  const pitch = flat ? width : columns.out;
  const line = lateShape(graph, reshape(graph, padded, [from, batch, height * width]));
  const tap = (a: number, b: number): Sym => {
    const start = a * width + b;
    const shifted = flat
      ? slice(graph, line, { starts: [0, 0, start], ends: [from, batch, start + rows.out * width] })
      : slice(graph, padded, { starts: [0, 0, a, b], ends: [from, batch, a + rows.out, b + columns.out] });
    return reshape(graph, shifted, [from, batch * rows.out * pitch]);
  };
  const widened = pad(graph, dy, [
    [0, 0],
    [0, 0],
    [0, pitch - columns.out],
    [0, 0],
  ]);
  const gradient = reshape(graph, widened, [batch * rows.out * pitch, to]);
  const products = taps(geometry).map(([a, b]) => matMul(graph, tap(a, b), gradient));
  return concat(graph, products, 0);
}

/** The same at any stride: one product over the taps side by side, [K, taps * from]^T [K, to]. */
function stridedFilterGradient(graph: GraphBuilder, { x, dy, geometry }: { x: Sym; dy: Sym; geometry: Geometry }): Sym {
  const every = taps(geometry).map(pixelsUnder(graph, x, geometry));
  return matMul(graph, rowsOf(graph, concat(graph, every, 3)), rowsOf(graph, dy), { transposeA: true });
}

/** What gives, for the row and the column of a tap, the pixels of images x that it reads, [B, rows out, columns out, from]. */
export function pixelsUnder(
  graph: GraphBuilder,
  x: Sym,
  { batch, from, axes }: Geometry,
): (tap: readonly [number, number]) => Sym {
  const padded = pad(graph, x, [[0, 0], ...axes.map((a) => [a.before, Math.max(0, a.after)] as const), [0, 0]]);
  const steps = graph.int64(axes.map(({ stride }) => stride));
  const type = { type: x.type, shape: [batch, axes[0].out, axes[1].out, from] };
  return (tap) => {
    const ends = axes.map(({ out, stride }, i) => tap[i]! + (out - 1) * stride + 1);
    const inputs = [graph.whole(padded), graph.int64(tap), graph.int64(ends), graph.int64([1, 2]), steps];
    return graph.sym({ op: "Slice", inputs }, type);
  };
}

/** Row and column of every tap, in the order filters are stored. */
export function taps({ axes: [rows, columns] }: Geometry): [number, number][] {
  return Array.from({ length: rows.kernel * columns.kernel }, (_, i) => [
    Math.floor(i / columns.kernel),
    i % columns.kernel,
  ]);
}

function isPointwise({ axes }: Geometry): boolean {
  return axes.every((a) => a.kernel === 1 && a.stride === 1 && a.before === 0 && a.after === 0);
}

/** Images as rows of channels, [B H W, C]. */
function rowsOf(graph: GraphBuilder, images: Sym): Sym {
  const C = images.shape.at(-1)!;
  return reshape(graph, images, [images.shape.slice(0, -1).reduce((a, b) => a * b, 1), C]);
}

/** Gradients that masks have cut off arrive as known zeros. */
function anyZero(graph: GraphBuilder, operands: readonly Sym[]): boolean {
  return operands.some((sym) => graph.uniformValue(sym) === 0);
}

function zeros(graph: GraphBuilder, shape: readonly number[]): Sym {
  return { ...number(graph, 0), shape };
}
