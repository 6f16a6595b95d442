import * as tf from "@tensorflow/tfjs";
import { stopGradient } from "../nn/stopGradient.js";

export type VqLoss = {
  /** `|sg(z) - e|^2`: pulls codewords to latents. */
  readonly codebook: tf.Scalar;
  /** `beta |z - sg(e)|^2`: keeps latents at their codewords. */
  readonly commitment: tf.Scalar;
};

export type VqLossInput = {
  /** z, [B, N, Dc], normalised if the quantizer is. */
  readonly latents: tf.Tensor;
  /** e, [B, N, Dc]. */
  readonly codewords: tf.Tensor;
  /** beta, 0.25 in the paper. */
  readonly commitment: number;
  /** Over the code width; over images and positions it is always the mean. */
  readonly reduction: "mean" | "sum";
};

/** The two VQ losses of van den Oord et al. 2017, arXiv:1711.00937, equation 3. */
export function vqLoss({ latents, codewords, commitment, reduction }: VqLossInput): VqLoss {
  const factor = reduction === "sum" ? latents.shape.at(-1)! : 1;
  const squared = (a: tf.Tensor, b: tf.Tensor) => tf.mean(tf.square(tf.sub(a, b)));
  return {
    codebook: tf.mul(squared(stopGradient(latents), codewords), factor),
    commitment: tf.mul(squared(latents, stopGradient(codewords)), commitment * factor),
  };
}

/** The mean of each loss over the codes of a token. */
export function meanVqLoss(losses: readonly VqLoss[]): VqLoss {
  const mean = (values: readonly tf.Scalar[]): tf.Scalar =>
    values.length === 1 ? values[0]! : tf.div(tf.addN([...values]), values.length);
  return {
    codebook: mean(losses.map(({ codebook }) => codebook)),
    commitment: mean(losses.map(({ commitment }) => commitment)),
  };
}
