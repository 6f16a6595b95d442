/** The steps of stage 2 as pure functions: teacher-forced training, and its loss alone. */
import * as tf from "@tensorflow/tfjs";
import type { NamedTensors, Step } from "../engine/types.js";
import { crossEntropy } from "../losses/crossEntropy.js";
import { sequenceLength, type VimConfig, type VimInputs, vimForward, vimSpec } from "../models/vim.js";
import { paramTree } from "../nn/params.js";
import { GRADIENT, MODEL, underPrefix, withPrefix } from "./named.js";
import { scaledGradients } from "./scaledGradients.js";

export type PriorStepOptions = {
  /** Dropout rate. */
  readonly dropout: number;
  /** Whether blocks are computed again for the gradient instead of kept; no if absent. */
  readonly recompute?: boolean;
};

/**
 * Mean negative log-likelihood of codes in nats per code, with gradients.
 * Inputs: `model/*`, `codes` int32 [B, T], `classIds` int32 [B], `dropoutSeed` int32 [1] unless dropout is 0, and where
 * gradients are to be multiplied `lossScale`.
 * Outputs: `nll`, `gradient/model/*`.
 */
export function priorStep(model: VimConfig, { dropout, recompute }: PriorStepOptions): Step {
  return (inputs) => {
    const drop = dropout > 0 ? { dropout: { rate: dropout, seed: inputs["dropoutSeed"]! } } : {};
    const options = { ...drop, recompute: recompute ?? false };
    const { loss, gradients } = scaledGradients(
      inputs,
      () => ({ loss: negativeLogLikelihood(model, inputs, options) }),
      underPrefix(MODEL, inputs),
    );
    return { nll: loss, ...withPrefix(GRADIENT + MODEL, gradients) };
  };
}

/** `nll` of a batch without dropout or gradients. */
export function priorLossStep(model: VimConfig): Step {
  return (inputs) => ({ nll: negativeLogLikelihood(model, inputs) });
}

function negativeLogLikelihood(
  model: VimConfig,
  inputs: NamedTensors,
  options: Pick<VimInputs, "dropout" | "recompute"> = {},
): tf.Scalar {
  const params = paramTree(vimSpec(model), underPrefix(MODEL, inputs));
  const codes = inputs["codes"]!;
  const { logits } = vimForward(params, model, { classIds: inputs["classIds"]!, codes, ...options });
  const rows = codes.shape[0]! * sequenceLength(model);
  return crossEntropy(tf.reshape(logits, [rows, model.vocabulary]), tf.reshape(codes, [rows]));
}

/** Bits per image dimension (pixel and channel) of an image coded at `nll` nats a code. */
export function bitsPerDimension(nll: number, { codes, dimensions }: { codes: number; dimensions: number }): number {
  return (nll * codes) / Math.LN2 / dimensions;
}
