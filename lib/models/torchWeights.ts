/** A tokenizer's weights for PyTorch: under the names of a published program if it has such a model, else under ours. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { flattenSpecs } from "../nn/params.js";
import type { CnnVqganConfig } from "./cnnVqgan.js";
import { tamingName } from "./cnnVqganNames.js";
import { toPort } from "./portNames.js";
import { isConvolutional, type TokenizerConfig, tokenizerOf } from "./tokenizer.js";
import type { VitVqganConfig } from "./vitVqgan.js";

export type TorchWeights = {
  /** Whose names they are: those of its class `ViTVQ`, of its class `VQModel`, or ours. */
  readonly layout: "enhancing-transformers" | "taming-transformers" | "vitvq";
  /** Why they are ours. */
  readonly reason?: string;
  /** Axes in PyTorch's order: linear maps [to, from], convolutions [to, from, k, k]. */
  readonly tensors: NamedHostTensors;
};

/**
 * The weights of a tokenizer as PyTorch keeps them. Our names are the paths with points, `kernel` and `gain` being
 * `weight`: `encoder.stack.blocks.0.norm1.weight`.
 * @throws RangeError when a tensor is missing
 */
export function torchWeights(model: TokenizerConfig, tensors: NamedHostTensors): TorchWeights {
  const published = isConvolutional(model) ? asTaming(model, tensors) : asPort(model, tensors);
  if (!("reason" in published)) return published;
  return { layout: "vitvq", ...published, tensors: renamed(model, tensors, { name: ownName, convolutions: false }) };
}

type Published = Omit<TorchWeights, "reason"> | { readonly reason: string };

function asPort(model: VitVqganConfig, tensors: NamedHostTensors): Published {
  try {
    return { layout: "enhancing-transformers", tensors: toPort(model, tensors) };
  } catch (error) {
    if (error instanceof RangeError) return { reason: error.message };
    throw error;
  }
}

/** Its quantizer compares raw vectors, one code a place, and its decoder gives pixels. */
function asTaming(model: CnnVqganConfig, tensors: NamedHostTensors): Published {
  const { l2Norm, codeDepth = 1, logitLaplace } = model;
  const odd = Object.entries({ l2Norm, residualCodes: codeDepth > 1, logitLaplace }).find(([, has]) => has);
  if (odd) return { reason: `taming-transformers has no such VQGAN: ${odd[0]}: want false, got true` };
  return {
    layout: "taming-transformers",
    tensors: renamed(model, tensors, { name: tamingName, convolutions: true }),
  };
}

type Naming = {
  readonly name: (path: string) => string;
  /** Whether linear maps are kept as 1x1 convolutions. */
  readonly convolutions: boolean;
};

function renamed(model: TokenizerConfig, tensors: NamedHostTensors, { name, convolutions }: Naming): NamedHostTensors {
  const entries = Object.keys(flattenSpecs(tokenizerOf(model).spec)).map((path): [string, HostTensor] => {
    const tensor = tensors[path];
    if (!tensor) throw new RangeError(`parameter ${path} is missing`);
    if (!path.endsWith("/kernel")) return [name(path), tensor];
    const { dtype, shape, data } = outputsFirst(tensor);
    return [name(path), { dtype, shape: convolutions && shape.length === 2 ? [...shape, 1, 1] : shape, data }];
  });
  return Object.fromEntries(entries);
}

function ownName(path: string): string {
  return path.replaceAll("/", ".").replace(/\.(kernel|gain)$/, ".weight");
}

/** [...taps, from, to] -> [to, from, ...taps]. */
function outputsFirst({ dtype, shape, data }: HostTensor): HostTensor {
  const [from, to] = shape.slice(-2) as [number, number];
  const taps = data.length / (from * to);
  const moved = new Float32Array(data.length);
  for (let tap = 0; tap < taps; tap++)
    for (let i = 0; i < from; i++)
      for (let o = 0; o < to; o++) moved[(o * from + i) * taps + tap] = data[(tap * from + i) * to + o]!;
  return { dtype, shape: [to, from, ...shape.slice(0, -2)], data: moved };
}
