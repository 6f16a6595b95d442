/** A tokenizer's weights for PyTorch: under the names of a published program if it has such a model, else under ours. */
import type { NamedHostTensors } from "../../engine/types.js";
import { flattenSpecs } from "../../nn/params.js";
import type { CnnVqganConfig } from "../cnnVqgan.js";
import { isConvolutional, type TokenizerConfig, tokenizerOf } from "../tokenizer.js";
import type { VitVqganConfig } from "../vitVqgan.js";
import { exportParams, type ForeignParam, type ForeignParams, foreignTensor, torchKernel } from "./params.js";
import { toPort } from "./portNames.js";
import { tamingParams } from "./tamingNames.js";

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
  return { layout: "vitvq", ...published, tensors: exportParams(tensors, ownParams(model)) };
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
  return { layout: "taming-transformers", tensors: exportParams(tensors, tamingParams(model)) };
}

function ownParams(model: TokenizerConfig): ForeignParams {
  const specs = Object.entries(flattenSpecs(tokenizerOf(model).spec));
  return Object.fromEntries(specs.map(([path, { shape }]) => [path, ownParam(path, shape)]));
}

function ownParam(path: string, shape: readonly number[]): ForeignParam {
  const name = path.replaceAll("/", ".").replace(/\.(kernel|gain)$/, ".weight");
  return path.endsWith("/kernel") ? torchKernel(name, shape) : foreignTensor(name, shape);
}
