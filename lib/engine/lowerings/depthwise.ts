/** Convolutions of every channel by itself, their gradients, and the fixed blur. */
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { type Attributes, defineLowering } from "../traceBackend.js";
import { backwards, conv, convTranspose, pixelsUnder, planesFor, taps } from "./convolution.js";
import { add, multiply } from "./elementwise.js";
import { turned } from "./filters.js";
import { convGeometry, type Geometry } from "./geometry.js";
import { reduce } from "./reductions.js";
import { concat, reshape, slice, transpose } from "./shapes.js";

defineLowering("DepthwiseConv2dNative", ["x", "filter"], ({ inputs: { x, filter }, attributes, graph }) => {
  const geometry = depthwiseGeometry(attributes, x.shape, filter.shape);
  const group = geometry.from;
  return conv(graph, planesFor(graph, x, filter), { filter: channelFirst(graph, filter), geometry, group });
});

defineLowering("DepthwiseConv2dNativeBackpropInput", ["dy", "filter"], ({ inputs, attributes, graph }) => {
  const { dy, filter } = inputs;
  const geometry = depthwiseGeometry(attributes, attributes["inputShape"] as readonly number[], filter.shape);
  return backThrough(graph, dy, { filter, geometry });
});

/** [kh, kw, C, multiplier]: for each tap the image it reads times dy, summed over all pixels. */
defineLowering("DepthwiseConv2dNativeBackpropFilter", ["x", "dy"], ({ inputs: { x, dy }, attributes, graph }) => {
  const shape = attributes["filterShape"] as readonly [number, number, number, number];
  const geometry = depthwiseGeometry(attributes, x.shape, shape);
  const { batch, from, axes } = geometry;
  const pixels = pixelsUnder(graph, x, geometry);
  const multiples = reshape(graph, dy, [batch, axes[0].out, axes[1].out, from, shape[3]]);
  const sums = taps(geometry).map((tap) => {
    const read = pixels(tap);
    const products = multiply(graph, reshape(graph, read, [...read.shape, 1]), multiples);
    return reduce(graph, "ReduceSum", products, { axes: [0, 1, 2] }); // [C, multiplier]
  });
  return reshape(graph, concat(graph, sums, 0), shape);
});

/** A depthwise convolution padded evenly on all sides: `blur` in nn/blur.ts. */
defineLowering("Blur", ["x", "filter"], ({ inputs: { x, filter }, attributes, graph }) => {
  const geometry = blurGeometry(attributes, x.shape, filter.shape);
  return conv(graph, planesFor(graph, x, filter), {
    filter: channelFirst(graph, filter),
    geometry,
    group: geometry.from,
  });
});

/** The transpose of `Blur`, which is its gradient. */
defineLowering("BlurTranspose", ["dy", "filter"], ({ inputs: { dy, filter }, attributes, graph }) => {
  const { height, width } = attributes as { height: number; width: number };
  const shape = [dy.shape[0]!, height, width, dy.shape[3]!];
  return backThrough(graph, dy, { filter, geometry: blurGeometry(attributes, shape, filter.shape) });
});

function blurGeometry(
  { pad: edge, stride }: Attributes,
  input: readonly number[],
  filter: readonly number[],
): Geometry {
  return depthwiseGeometry({ pad: edge, strides: stride }, input, filter);
}

/** Gradient by the input. */
function backThrough(graph: GraphBuilder, dy: Sym, { filter, geometry }: { filter: Sym; geometry: Geometry }): Sym {
  const group = geometry.from;
  if (geometry.to !== group && graph.target === "webgpu") return backThroughMultiples(graph, dy, { filter, geometry });
  const back = geometry.to === group ? backwards(geometry) : undefined;
  if (!back)
    return convTranspose(graph, planesFor(graph, dy, filter), { filter: channelFirst(graph, filter), geometry, group });
  const [kh, kw] = filter.shape as [number, number];
  const reversed = reshape(graph, turned(graph, filter), [group, 1, kh, kw]);
  return conv(graph, planesFor(graph, dy, filter), { filter: reversed, geometry: back, group });
}

/** The same as a sum over multiples, for WebGPU, where `ConvTranspose` is wrong for groups of several channels. */
function backThroughMultiples(
  graph: GraphBuilder,
  dy: Sym,
  { filter, geometry }: { filter: Sym; geometry: Geometry },
): Sym {
  const { batch, from } = geometry;
  const [kh, kw, , multiplier] = filter.shape as [number, number, number, number];
  const [height, width] = geometry.axes.map(({ out }) => out) as [number, number];
  const pixels = reshape(graph, dy, [batch * height * width * from, multiplier]);
  const taps = reshape(graph, filter, [kh * kw * from, multiplier]);
  const nth = (table: Sym, i: number, shape: readonly number[]) =>
    reshape(graph, slice(graph, table, { starts: [0, i], ends: [table.shape[0]!, i + 1] }), shape);
  const parts = Array.from({ length: multiplier }, (_, i) =>
    backThrough(graph, nth(pixels, i, [batch, height, width, from]), {
      filter: nth(taps, i, [kh, kw, from, 1]),
      geometry: { ...geometry, to: from },
    }),
  );
  return parts.reduce((sum, part) => add(graph, sum, part));
}

/** [kh, kw, C, multiplier] -> [C multiplier, 1, kh, kw]. */
function channelFirst(graph: GraphBuilder, filter: Sym): Sym {
  const [kh, kw, C, multiplier] = filter.shape as [number, number, number, number];
  return reshape(graph, transpose(graph, filter, [2, 3, 0, 1]), [C * multiplier, 1, kh, kw]);
}

function depthwiseGeometry(attributes: Attributes, input: readonly number[], filter: readonly number[]): Geometry {
  return convGeometry(attributes, { input, filter, depthwise: true });
}
