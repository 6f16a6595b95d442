/** A tokenizer cut into steps that stand alone, for files that other programs run. */
import type * as tf from "@tensorflow/tfjs";
import type { NamedHostTensors, NamedTensors, Step, StepOptions, TensorSpec } from "../engine/types.js";
import * as cnn from "../models/cnnVqgan.js";
import { CODEBOOK, lookup, quantize } from "../models/quantizer.js";
import { codesPerImage, isConvolutional, type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";
import * as vit from "../models/vitVqgan.js";
import { paramTree } from "../nn/params.js";

export type StandaloneStep = { readonly step: Step; readonly options: StepOptions };

/**
 * - `encoder`: `images` [B, H, W, C] in [0, 1] to `latents` [B, N, Dc] and their `codes`, int32 [B, N];
 * - `quantizer`: `latents` to `codes` and to `codewords` [B, N, Dc], what the decoder receives for them;
 * - `decoder`: `codes` to `images`, clipped to [0, 1].
 *
 * With R > 1 codes a token, codes are [B, N, R].
 */
export function standaloneSteps(
  model: TokenizerConfig,
  weights: NamedHostTensors,
  batchSize: number,
): Record<"encoder" | "quantizer" | "decoder", StandaloneStep> {
  const { imageSize, channels, codeDim, codeDepth = 1 } = model;
  const tokens = [batchSize, codesPerImage(model) / codeDepth];
  const standalone = (name: string, inputs: Record<string, TensorSpec>, step: Step): StandaloneStep => {
    return { step, options: { name, inputs, constants: weights } };
  };
  const images: TensorSpec = { dtype: "float32", shape: [batchSize, imageSize, imageSize, channels] };
  const latents: TensorSpec = { dtype: "float32", shape: [...tokens, codeDim] };
  const codes: TensorSpec = { dtype: "int32", shape: codeDepth > 1 ? [...tokens, codeDepth] : tokens };
  return {
    encoder: standalone("encoder", { images }, (given) => {
      const found = latentsOf(model, given);
      return { codes: quantize(quantizerOf(given), model, found).codes, latents: found };
    }),
    quantizer: standalone("quantizer", { latents }, (given) => {
      const found = quantize(quantizerOf(given), model, given["latents"]!).codes;
      return { codes: found, codewords: lookup(quantizerOf(given), model, found) };
    }),
    decoder: standalone("decoder", { codes }, (given) => ({
      images: tokenizerOf(model).decodeCodes(given, given["codes"]!),
    })),
  };
}

function latentsOf(model: TokenizerConfig, given: NamedTensors): tf.Tensor {
  const images = given["images"]!;
  return isConvolutional(model)
    ? cnn.encode(paramTree(cnn.cnnVqganSpec(model), given).encoder, model, images)
    : vit.encode(paramTree(vit.vitVqganSpec(model), given).encoder, model, images);
}

const quantizerOf = (given: NamedTensors) => ({ codebook: given[CODEBOOK]! });
