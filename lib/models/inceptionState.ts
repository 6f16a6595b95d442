/** Weights of the Inception network as its PyTorch port stores them, and what `inception.ts` makes of them. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { flattenSpecs } from "../nn/params.js";
import { inceptionSpec } from "./inception.js";

const BATCH_NORM_EPSILON = 1e-3; // of the port's layers; PyTorch's own default is 1e-5

/** Names and shapes of the port's state that the network reads, in its order; `num_batches_tracked` is none of them. */
export function inceptionStateShapes(): Record<string, readonly number[]> {
  const shapes: Record<string, readonly number[]> = {};
  for (const [layer, shape] of layers()) {
    const to = shape.at(-1)!;
    if (shape.length === 2) Object.assign(shapes, { [`${layer}.weight`]: [to, shape[0]], [`${layer}.bias`]: [to] });
    else {
      shapes[`${layer}.conv.weight`] = [to, shape[2]!, shape[0]!, shape[1]!];
      for (const name of BATCH_NORM) shapes[`${layer}.bn.${name}`] = [to];
    }
  }
  return shapes;
}

/**
 * The network's parameters from the port's state, batch normalization at inference folded in:
 * `kernel = weight g`, `bias = b - mean g` with `g = gamma / sqrt(variance + 0.001)`, computed in double.
 * @param state tensors by the port's names; others are ignored
 * @throws RangeError when a tensor is missing or has another shape
 */
export function inceptionParams(state: NamedHostTensors): NamedHostTensors {
  const shapes = inceptionStateShapes();
  const find = (name: string): ArrayLike<number> => stateTensor(state, name, shapes[name]!).data;
  const named: NamedHostTensors = {};
  for (const [layer, shape] of layers()) {
    const path = layer.replaceAll(".", "/");
    const { weight, gain, bias } = shape.length === 2 ? linear(layer, find) : convolution(layer, find);
    named[`${path}/kernel`] = { dtype: "float32", shape, data: tapsFirst(weight, { shape, gain }) };
    named[`${path}/bias`] = { dtype: "float32", shape: [bias.length], data: bias };
  }
  return named;
}

const BATCH_NORM = ["weight", "bias", "running_mean", "running_var"] as const;

/** Layers by the port's names, with the shapes of their kernels here. */
function layers(): (readonly [layer: string, kernel: readonly number[]])[] {
  return Object.entries(flattenSpecs(inceptionSpec())).flatMap(([path, { shape }]) =>
    path.endsWith("/kernel") ? [[path.slice(0, -"/kernel".length).replaceAll("/", "."), shape] as const] : [],
  );
}

type Find = (name: string) => ArrayLike<number>;
type Layer = {
  readonly weight: ArrayLike<number>;
  /** Factor on each output. */
  readonly gain: Float64Array;
  readonly bias: Float32Array;
};

function linear(layer: string, find: Find): Layer {
  const bias = Float32Array.from(find(`${layer}.bias`));
  return { weight: find(`${layer}.weight`), gain: new Float64Array(bias.length).fill(1), bias };
}

function convolution(layer: string, find: Find): Layer {
  const [gamma, beta, mean, variance] = BATCH_NORM.map((name) => find(`${layer}.bn.${name}`)) as Four;
  const gain = Float64Array.from(gamma, (value, o) => value / Math.sqrt(variance[o]! + BATCH_NORM_EPSILON));
  const bias = Float32Array.from(beta, (value, o) => value - mean[o]! * gain[o]!);
  return { weight: find(`${layer}.conv.weight`), gain, bias };
}

type Four = [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];

/** [to, from, kh, kw] -> [kh, kw, from, to], and [to, from] -> [from, to], which `shape` is; times the gain. */
function tapsFirst(
  weight: ArrayLike<number>,
  { shape, gain }: { shape: readonly number[]; gain: Float64Array },
): Float32Array {
  const [from, to] = shape.slice(-2) as [number, number];
  const taps = weight.length / (from * to);
  const moved = new Float32Array(weight.length);
  let at = 0;
  for (let o = 0; o < to; o++)
    for (let n = 0; n < from; n++)
      for (let tap = 0; tap < taps; tap++) moved[(tap * from + n) * to + o] = weight[at++]! * gain[o]!;
  return moved;
}

function stateTensor(state: NamedHostTensors, name: string, shape: readonly number[]): HostTensor {
  const tensor = Object.hasOwn(state, name) ? state[name] : undefined;
  if (tensor?.shape.length === shape.length && tensor.shape.every((size, axis) => size === shape[axis])) return tensor;
  throw new RangeError(
    `inception: want ${name} [${shape.join(", ")}], got ${tensor ? `[${tensor.shape.join(", ")}]` : "none"}; ` +
      "give the weights pt_inception-2015-12-05 of pytorch-fid or torch-fidelity",
  );
}
