/**
 * The factorized, l2-normalised vector quantizer: latents and codewords are compared on the unit sphere of a narrow
 * space. Source: ViT-VQGAN, arXiv:2110.04627, section 3.2.
 */
import * as tf from "@tensorflow/tfjs";
import { type VqLoss, vqLoss } from "../losses/vq.js";
import { expectShape } from "../nn/expectShape.js";
import { l2Normalize } from "../nn/l2Normalize.js";
import type { ParamSpec, ParamsOf } from "../nn/params.js";
import { stopGradient, withoutGradient } from "../nn/stopGradient.js";

export type QuantizerConfig = {
  /** Number K of codewords. */
  readonly codebookSize: number;
  /** Width Dc of latents and codewords. */
  readonly codeDim: number;
  /** Whether latents and codewords are compared, and passed on, at unit length. */
  readonly l2Norm: boolean;
  /** Weight beta of the commitment loss. */
  readonly commitment: number;
  /**
   * Where the straight-through step is added: to the normalised latents, so that the decoder's gradient also turns
   * through the normalisation, or to the raw ones as the public ports do. With raw, nothing holds the norm of the
   * latents: it grows, and their direction, which is all that counts, learns ever more slowly.
   */
  readonly straightThrough: "normalized" | "raw";
  /** Whether the VQ losses average over the code width or sum over it. */
  readonly vqReduction: "mean" | "sum";
};

/** The codebook [K, Dc], standard normal at the start and normalised at use. */
export function quantizerSpec({ codebookSize, codeDim }: QuantizerConfig) {
  return {
    codebook: { shape: [codebookSize, codeDim], init: { kind: "normal", std: 1 }, decay: false },
  } satisfies Record<string, ParamSpec>;
}

export type QuantizerParams = ParamsOf<ReturnType<typeof quantizerSpec>>;

export type Quantized = {
  /** int32 [B, N] in 0..K-1. */
  readonly codes: tf.Tensor;
  /** What the decoder receives, [B, N, Dc]: codewords going forward, the identity to the latents going back. */
  readonly straightThrough: tf.Tensor;
  /** The latents as they are compared, [B, N, Dc]: normalised if the quantizer is. */
  readonly latents: tf.Tensor;
  readonly loss: VqLoss;
};

/**
 * Replaces each latent by its nearest codeword (first of equals).
 * @param latents [B, N, Dc]
 * @throws RangeError when latents are not [*, *, Dc]
 */
export function quantize(params: QuantizerParams, config: QuantizerConfig, latents: tf.Tensor): Quantized {
  expectShape("quantizer: latents", latents, [null, null, config.codeDim]);
  const z = config.l2Norm ? l2Normalize(latents) : latents;
  const codebook = config.l2Norm ? l2Normalize(params.codebook) : params.codebook;
  const codes = withoutGradient(() => nearestCodes(z, codebook, config));
  const codewords = tf.gather(codebook, codes); // [B, N, Dc]
  const carrier = config.straightThrough === "raw" ? latents : z;
  return {
    codes,
    straightThrough: tf.add(carrier, stopGradient(tf.sub(codewords, carrier))),
    latents: z,
    loss: vqLoss({ latents: z, codewords, commitment: config.commitment, reduction: config.vqReduction }),
  };
}

/** Codewords as the decoder receives them, [B, N, Dc], of codes [B, N]. */
export function lookup(params: QuantizerParams, config: QuantizerConfig, codes: tf.Tensor): tf.Tensor {
  return tf.gather(config.l2Norm ? l2Normalize(params.codebook) : params.codebook, codes);
}

/** Index of the codeword at the smallest Euclidean distance: `argmin |w|^2 - 2 z.w`, on the sphere `argmax z.w`. */
function nearestCodes(z: tf.Tensor, codebook: tf.Tensor, { l2Norm, codeDim }: QuantizerConfig): tf.Tensor {
  const [B, N] = z.shape as [number, number];
  const products = tf.matMul(tf.reshape(z, [B * N, codeDim]), codebook as tf.Tensor2D, false, true); // [B N, K]
  const closeness = l2Norm ? products : tf.sub(products, tf.mul(0.5, tf.sum(tf.square(codebook), -1)));
  return tf.reshape(tf.argMax(closeness, -1), [B, N]);
}
