/** Small quantizers, what they are given, and gradients of what they return. */
import * as tf from "@tensorflow/tfjs";
import { type QuantizerConfig, quantize } from "../../../lib/models/quantizer.js";
import { valueAndGradients } from "../../../lib/nn/gradients.js";
import { type Given, normals, numbersOf, onCpu, tensorOf } from "../../nn/support/eager.js";

/** As the public port has it. */
export const PORT: QuantizerConfig = {
  codebookSize: 16,
  codeDim: 8,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "raw",
  vqReduction: "mean",
};

export const LATENTS = normals(1, [2, 3, 8], 2);
export const CODEBOOK = normals(2, [16, 8], 3);
export const NORMALIZED: QuantizerConfig = { ...PORT, straightThrough: "normalized" };
export const RESIDUAL: QuantizerConfig = { ...PORT, l2Norm: false, codeDepth: 3 };
export const EMA: QuantizerConfig = { ...NORMALIZED, codebookUpdate: "ema" };

/** Gradients of a part of what `quantize` returns. */
export function gradients(
  config: QuantizerConfig,
  part: (quantized: ReturnType<typeof quantize>) => tf.Tensor,
  inputs: { z: Given; codebook: Given },
): Record<string, number[]> {
  return onCpu(() => {
    const [z, codebook] = [tensorOf(inputs.z), tensorOf(inputs.codebook)];
    const loss = () => ({ loss: tf.sum(part(quantize({ codebook }, config, z))) as tf.Scalar });
    const found = valueAndGradients(loss, { z, codebook }).gradients;
    return Object.fromEntries(Object.entries(found).map(([name, gradient]) => [name, numbersOf(gradient)]));
  });
}
