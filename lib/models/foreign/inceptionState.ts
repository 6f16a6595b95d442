/** Weights of the Inception network as its PyTorch port stores them, and what our parameters are made of. */
import type { NamedHostTensors } from "../../engine/types.js";
import { flattenSpecs } from "../../nn/params.js";
import { inceptionSpec } from "../inception.js";
import { permuted } from "./axes.js";
import { expectTensors, type ForeignFile, type ForeignModel, torchKernel } from "./params.js";

const BATCH_NORM_EPSILON = 1e-3; // of the port's layers; PyTorch's own default is 1e-5

/** Names and shapes of the port's state that the network reads, in its order; `num_batches_tracked` is none of them. */
export function inceptionStateShapes(): Record<string, readonly number[]> {
  const shapes: Record<string, readonly number[]> = {};
  for (const [layer, shape] of layers()) {
    const [to, weight] = [shape.at(-1)!, torchKernel(layer, shape).shape];
    if (shape.length === 2) Object.assign(shapes, { [`${layer}.weight`]: weight, [`${layer}.bias`]: [to] });
    else {
      shapes[`${layer}.conv.weight`] = weight;
      for (const name of BATCH_NORM) shapes[`${layer}.bn.${name}`] = [to];
    }
  }
  return shapes;
}

/**
 * The network's parameters from the port's state, batch normalization at inference folded in:
 * `kernel = weight g`, `bias = b - mean g` with `g = gamma / sqrt(variance + 0.001)`, computed in double.
 * @param file tensors by the port's names; others are ignored
 * @throws FileError naming all tensors that are missing or of another shape or type
 */
export function inceptionParams(file: ForeignFile): NamedHostTensors {
  const wanted = Object.entries(inceptionStateShapes()).map(([name, shape]) => ({ name, shape }));
  expectTensors(file, wanted, STATE);
  const find = (name: string): Float32Array => file.tensors[name]!.data as Float32Array;
  const named: NamedHostTensors = {};
  for (const [layer, shape] of layers()) {
    const path = layer.replaceAll(".", "/");
    const { weight, bias } = shape.length === 2 ? linear(layer, find) : convolution(layer, find);
    const { shape: from, order } = torchKernel(layer, shape);
    named[`${path}/kernel`] = { dtype: "float32", shape, data: permuted(weight, from, order) };
    named[`${path}/bias`] = { dtype: "float32", shape: [bias.length], data: bias };
  }
  return named;
}

const STATE: ForeignModel = {
  model: "Inception v3 as in pt_inception-2015-12-05 of pytorch-fid or torch-fidelity",
  leftOut: /^/,
};

const BATCH_NORM = ["weight", "bias", "running_mean", "running_var"] as const;

/** Layers by the port's names, with the shapes of their kernels here. */
function layers(): (readonly [layer: string, kernel: readonly number[]])[] {
  return Object.entries(flattenSpecs(inceptionSpec())).flatMap(([path, { shape }]) =>
    path.endsWith("/kernel") ? [[path.slice(0, -"/kernel".length).replaceAll("/", "."), shape] as const] : [],
  );
}

type Find = (name: string) => Float32Array;
type Layer = {
  /** In the port's order of axes: outputs first. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
};

function linear(layer: string, find: Find): Layer {
  return { weight: find(`${layer}.weight`), bias: find(`${layer}.bias`) };
}

function convolution(layer: string, find: Find): Layer {
  const [gamma, beta, mean, variance] = BATCH_NORM.map((name) => find(`${layer}.bn.${name}`)) as Four;
  const gain = Float64Array.from(gamma, (value, o) => value / Math.sqrt(variance[o]! + BATCH_NORM_EPSILON));
  const bias = Float32Array.from(beta, (value, o) => value - mean[o]! * gain[o]!);
  const weight = find(`${layer}.conv.weight`);
  const each = weight.length / gain.length; // weights of one output
  return { weight: weight.map((value, i) => value * gain[Math.floor(i / each)]!), bias };
}

type Four = [Float32Array, Float32Array, Float32Array, Float32Array];
