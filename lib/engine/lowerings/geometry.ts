/** Sizes, strides and paddings of convolutions and poolings, from the attributes of their kernels. */
import * as tf from "@tensorflow/tfjs";
import type { Attributes } from "../traceBackend.js";

/** One spatial axis. */
export type Axis = {
  /** Elements of the input and of the output. */
  readonly size: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before the first element. */
  readonly before: number;
  /** Zeros after the last element; negative when no window reaches the last elements. */
  readonly after: number;
};

export type Geometry = {
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  /** Rows, columns. */
  readonly axes: readonly [Axis, Axis];
};

type Shape = readonly number[];
type Pad = "valid" | "same" | number | tf.backend_util.ExplicitPadding;
type Pair = number | [number, number];

/** Geometry of a convolution of images `input` [B, H, W, C] with `filter` [kh, kw, from, to or multiplier]. */
export function convGeometry(
  attributes: Attributes,
  { input, filter, depthwise = false }: { input: Shape; filter: Shape; depthwise?: boolean },
): Geometry {
  if (attributes["dataFormat"] === "NCHW") throw new Error("convolutions are traced with channels last, got NCHW");
  const info = tf.backend_util.computeConv2DInfo(
    [...input] as [number, number, number, number],
    [...filter] as [number, number, number, number],
    attributes["strides"] as Pair,
    (attributes["dilations"] ?? 1) as Pair,
    attributes["pad"] as Pad,
    rounding(attributes),
    depthwise,
  );
  return fromInfo(info);
}

/** Geometry of a pooling of images [B, H, W, C]. */
export function poolGeometry(attributes: Attributes, input: Shape): Geometry {
  const info = tf.backend_util.computePool2DInfo(
    [...input] as [number, number, number, number],
    attributes["filterSize"] as [number, number],
    attributes["strides"] as Pair,
    1,
    attributes["pad"] as Pad,
    rounding(attributes),
  );
  return fromInfo(info);
}

/** The attributes ONNX convolutions and poolings share. */
export function windowAttributes({ axes }: Geometry) {
  return {
    kernel_shape: axes.map(({ kernel }) => BigInt(kernel)),
    strides: axes.map(({ stride }) => BigInt(stride)),
    pads: [...axes.map(({ before }) => BigInt(before)), ...axes.map(({ after }) => BigInt(Math.max(0, after)))],
  };
}

function rounding(attributes: Attributes): "floor" | "round" | "ceil" | undefined {
  return (attributes["dimRoundingMode"] ?? undefined) as "floor" | "round" | "ceil" | undefined;
}

function fromInfo(info: tf.backend_util.Conv2DInfo): Geometry {
  const { padInfo } = info;
  const rows = axis({
    size: info.inHeight,
    out: info.outHeight,
    kernel: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    before: padInfo.top,
  });
  const columns = axis({
    size: info.inWidth,
    out: info.outWidth,
    kernel: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    before: padInfo.left,
  });
  return { batch: info.batchSize, from: info.inChannels, to: info.outChannels, axes: [rows, columns] };
}

function axis(known: Omit<Axis, "after">): Axis {
  const { size, out, kernel, stride, dilation, before } = known;
  const after = (out - 1) * stride + (kernel - 1) * dilation + 1 - size - before;
  // tfjs takes the height of the kernel for its width, too, when the padding is one number.
  if (after <= -stride) throw new Error("give explicit padding for kernels or strides that are not square");
  return { ...known, after };
}
