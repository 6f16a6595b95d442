/** Kernels that the wrapper of tfjs-node 4.22 refuses and TensorFlow can do, put right once it is loaded. */
import * as tf from "@tensorflow/tfjs";

const BACKEND = "tensorflow";

/**
 * Teaches the TensorFlow backend convolutions, with their gradients, whose padding is given in pixels (PatchGAN's), and
 * lookups along an axis counted from the end. Those that it knows already it does as before.
 */
export function repairKernels(): void {
  repair(tf.Conv2D, paddedConvolution);
  repair(tf.Conv2DBackpropFilter, paddedFilterGradient);
  repair(tf.Conv2DBackpropInput, paddedInputGradient);
  repair(tf.GatherV2, gatherFromEnd);
}

type Inputs = Readonly<Record<string, tf.Tensor>>;
type Attributes = Readonly<Record<string, unknown>>;

/** How to have the same by calls that the wrapper knows, or undefined where it needs no help. */
type Detour = (inputs: Inputs, attributes: Attributes) => (() => tf.Tensor) | undefined;

const repaired = new WeakSet<tf.KernelFunc>();

function repair(kernelName: string, detour: Detour): void {
  const config = tf.getKernel(kernelName, BACKEND);
  if (!config || repaired.has(config.kernelFunc)) return;
  const kernelFunc: tf.KernelFunc = (call) => {
    const way = detour(call.inputs as unknown as Inputs, call.attrs ?? {});
    return way ? tf.tidy(way) : config.kernelFunc(call);
  };
  repaired.add(kernelFunc);
  tf.unregisterKernel(kernelName, BACKEND);
  tf.registerKernel({ ...config, kernelFunc });
}

/** A convolution of padded images is one without padding. */
const paddedConvolution: Detour = ({ x, filter }, attributes) => {
  const margins = marginsOf(x!.shape, filter!.shape, attributes);
  const unpadded = { ...attributes, pad: "valid" };
  return margins && (() => run(tf.Conv2D, { x: tf.pad(x!, margins), filter: filter! }, unpadded));
};

const paddedFilterGradient: Detour = ({ x, dy }, attributes) => {
  const margins = marginsOf(x!.shape, attributes["filterShape"] as number[], attributes);
  const unpadded = { ...attributes, pad: "valid" };
  return margins && (() => run(tf.Conv2DBackpropFilter, { x: tf.pad(x!, margins), dy: dy! }, unpadded));
};

/** The gradient by the padded images, of which the margins are cut off. */
const paddedInputGradient: Detour = ({ dy, filter }, attributes) => {
  const shape = attributes["inputShape"] as number[];
  const margins = marginsOf(shape, filter!.shape, attributes);
  if (!margins) return undefined;
  const inputShape = shape.map((size, axis) => size + margins[axis]![0] + margins[axis]![1]);
  const unpadded = { ...attributes, inputShape, pad: "valid" };
  const corner = margins.map(([before]) => before);
  return () => tf.slice(run(tf.Conv2DBackpropInput, { dy: dy!, filter: filter! }, unpadded), corner, shape);
};

type Margins = [before: number, after: number][];

/** What is added on each side of every axis, or undefined where the padding is `same` or `valid`. */
function marginsOf(image: number[], filter: number[], attributes: Attributes): Margins | undefined {
  const { pad, strides, dilations = 1, dataFormat = "NHWC", dimRoundingMode } = attributes as ConvAttributes;
  if (typeof pad === "string") return undefined;
  const { padInfo } = tf.backend_util.computeConv2DInfo(
    image as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat),
  );
  const { top, bottom, left, right } = padInfo;
  const sides: Margins = [
    [top, bottom],
    [left, right],
  ];
  return dataFormat === "NHWC" ? [[0, 0], ...sides, [0, 0]] : [[0, 0], [0, 0], ...sides];
}

type Shape4D = [number, number, number, number];
type Pixels = number | [number, number];
type ConvAttributes = {
  readonly pad: "same" | "valid" | number | tf.backend_util.ExplicitPadding;
  readonly strides: Pixels;
  readonly dilations?: Pixels;
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
};

const gatherFromEnd: Detour = ({ x, indices }, attributes) => {
  const axis = attributes["axis"] as number;
  if (axis >= 0) return undefined;
  return () => run(tf.GatherV2, { x: x!, indices: indices! }, { ...attributes, axis: axis + x!.shape.length });
};

const run = (kernelName: string, inputs: Inputs, attributes: Attributes): tf.Tensor =>
  tf.engine().runKernel(kernelName, { ...inputs }, { ...attributes } as tf.NamedAttrMap);
