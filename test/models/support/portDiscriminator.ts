/** The port's StyleGAN2 discriminator: its names, and its function as one of ours that has other pixels and widths. */
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import type { ParamSpec } from "../../../lib/nn/params.js";
import { sizeOf } from "../../../lib/shapes.js";
import { ourOrder } from "./golden.js";

/** Our names by the port's, for a network of so many residual blocks. */
export const discriminatorNames = (blocks: number): readonly (readonly [theirs: string, ours: string])[] => [
  ["blocks.0.0.weight", "fromImage/kernel"],
  ["blocks.0.1.bias", "fromImage/bias"],
  ...Array.from({ length: blocks }, (_, i) => blockNames(`blocks.${i + 1}`, `blocks/${i}`)).flat(),
  ["final_conv.0.weight", "finalConv/kernel"],
  ["final_conv.1.bias", "finalConv/bias"],
  ["final_linear.0.weight", "finalDense/kernel"],
  ["final_linear.0.bias", "finalDense/bias"],
  ["final_linear.1.weight", "logit/kernel"],
  ["final_linear.1.bias", "logit/bias"],
];

const blockNames = (theirs: string, ours: string) =>
  [
    [`${theirs}.conv1.0.weight`, `${ours}/conv1/kernel`],
    [`${theirs}.conv1.1.bias`, `${ours}/conv1/bias`],
    [`${theirs}.conv2.1.weight`, `${ours}/conv2/kernel`],
    [`${theirs}.conv2.2.bias`, `${ours}/conv2/bias`],
    [`${theirs}.skip.1.weight`, `${ours}/skip/kernel`],
  ] as const;

/** The port's weights by our names, in our order of axes. */
export function portDiscriminator(tensors: NamedHostTensors, blocks: number): NamedHostTensors {
  return Object.fromEntries(discriminatorNames(blocks).map(([theirs, ours]) => [ours, ourOrder(tensors[theirs]!)]));
}

/**
 * Weights of ours that give the logits of `theirs`. Two things differ: the port's network sees pixels in [0, 1] and
 * ours the same in [-1, 1], which is a matter of the first layer; and ours may be wider, where more channels are 0.
 * Those keep weights and gradients of 0 in training. Equalised kernels undo their larger fan-in.
 */
export function asOurs(theirs: NamedHostTensors, specs: Readonly<Record<string, ParamSpec>>): NamedHostTensors {
  const ours: NamedHostTensors = {};
  for (const [name, tensor] of Object.entries(theirs)) ours[name] = resized(tensor, specs[name]!.shape);
  const [kernel, bias] = firstLayer(ours);
  for (let i = 0; i < kernel.length; i++) {
    kernel[i]! /= 2;
    bias[i % bias.length]! += kernel[i]! / SQRT_COLOURS;
  }
  return ours;
}

/** Gradients by their weights from those by ours: the transpose of `asOurs`. */
export function gradientsAsTheirs(ours: NamedHostTensors, theirs: NamedHostTensors): NamedHostTensors {
  const gradients: NamedHostTensors = {};
  for (const [name, { shape }] of Object.entries(theirs)) gradients[name] = resized(ours[name]!, shape);
  const [kernel, bias] = firstLayer(gradients);
  for (let i = 0; i < kernel.length; i++) kernel[i] = (kernel[i]! + bias[i % bias.length]! / SQRT_COLOURS) / 2;
  return gradients;
}

const SQRT_COLOURS = Math.sqrt(3); // the fan-in of the first layer, by whose root it divides its kernel

const firstLayer = (named: NamedHostTensors) =>
  [named["fromImage/kernel"]!.data, named["fromImage/bias"]!.data] as const;

/** Channels of 0 added or the last ones left out, kernels times `sqrt(larger fan-in / smaller)` either way. */
function resized({ shape: from, data }: HostTensor, to: readonly number[]): HostTensor {
  const result = new Float32Array(sizeOf(to));
  const [fanIn, wanted] = [fanInOf(from), fanInOf(to)];
  const factor = Math.sqrt(Math.max(fanIn, wanted) / Math.min(fanIn, wanted));
  for (let i = 0; i < result.length; i++) {
    const at = sameElement(i, to, from);
    if (at !== undefined) result[i] = factor * data[at]!;
  }
  return { dtype: "float32", shape: to, data: result };
}

const fanInOf = (shape: readonly number[]) => sizeOf(shape.slice(0, -1));

/** Place, in an array of shape `to`, of element `index` of one of shape `from`; undefined where it has none. */
function sameElement(index: number, from: readonly number[], to: readonly number[]): number | undefined {
  let [rest, place, stride] = [index, 0, 1];
  for (let axis = from.length - 1; axis >= 0; axis--) {
    const along = rest % from[axis]!;
    if (along >= to[axis]!) return undefined;
    place += along * stride;
    stride *= to[axis]!;
    rest = Math.floor(rest / from[axis]!);
  }
  return place;
}
