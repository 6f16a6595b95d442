/** What the options of `train-vq` describe: networks, losses, and how large a training of them is. */
import { UsageError } from "../../lib/errors.js";
import { STACK_SIZES } from "../../lib/models/sizes.js";
import { discriminatorSpec } from "../../lib/models/styleganDiscriminator.js";
import { type StackConfig, type VitVqganConfig, vitVqganSpec } from "../../lib/models/vitVqgan.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import type { TrainingSize, Work } from "../../lib/train/estimate.js";
import { reconstructionPlan, tokenizerPlan } from "../../lib/train/plans.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import type { TrainVqConfig } from "../trainVq.js";

/** The networks and losses that options describe. */
export function tokenizerTask(config: TrainVqConfig): TokenizerTask {
  const model: VitVqganConfig = {
    imageSize: config.imageSize,
    channels: config.channels,
    patchSize: config.patchSize,
    encoder: stackOf(config, "encoder"),
    decoder: stackOf(config, "decoder"),
    codebookSize: config.codebookSize,
    codeDim: config.codeDim,
    l2Norm: config.l2Norm,
    commitment: config.commitment,
    straightThrough: config.straightThrough,
    vqReduction: config.vqReduction,
    head: config.head,
    positions: config.positions,
    logitLaplace: config.logitLaplaceWeight > 0,
  };
  if (config.imageSize % config.patchSize !== 0)
    throw new UsageError(`--patch-size: want a divisor of the image size ${config.imageSize}, got ${config.patchSize}`);
  return {
    model,
    weights: {
      l1: config.l1Weight,
      l2: config.l2Weight,
      logitLaplace: config.logitLaplaceWeight,
      vq: config.vqWeight,
      adversarial: config.adversarialWeight,
    },
    discriminator: { imageSize: config.imageSize, channels: config.channels, channelScale: config.discriminatorScale },
    adversarialForm: config.adversarialForm,
    revival: { quantizeFrom: config.quantizeFrom, every: config.restartEvery },
    r1: { gamma: config.r1Gamma, every: config.r1Every },
  };
}

function stackOf(config: TrainVqConfig, side: "encoder" | "decoder"): StackConfig {
  const size = STACK_SIZES[config[side]];
  const dim = config[`${side}Dim`];
  const stack: StackConfig = {
    dim: dim ?? size.dim,
    depth: config[`${side}Depth`] ?? size.depth,
    heads: config[`${side}Heads`] ?? size.heads,
    mlpDim: config[`${side}MlpDim`] ?? (dim === undefined ? size.mlpDim : 4 * dim),
    activation: config.activation,
  };
  if (stack.dim % stack.heads !== 0)
    throw new UsageError(`--${side}-heads: want a divisor of the ${side}'s width ${stack.dim}, got ${stack.heads}`);
  if (config.positions === "sincos" && stack.dim % 4 !== 0)
    throw new UsageError(`--${side}-dim: sin-cos positions want a multiple of 4, got ${stack.dim}`);
  return stack;
}

/** Numbers that are trained, by network. */
export function parameterCounts(task: TokenizerTask) {
  const spec = vitVqganSpec(task.model);
  const count = (tree: Parameters<typeof flattenSpecs>[0]) => countParameters(flattenSpecs(tree));
  return {
    model: count(spec),
    encoder: count(spec.encoder),
    decoder: count(spec.decoder),
    discriminator: task.weights.adversarial > 0 ? count(discriminatorSpec(task.discriminator)) : 0,
  };
}

/**
 * How large the training is.
 * @param shown images in a batch of reconstructions
 */
export function tokenizerSize(task: TokenizerTask, config: TrainVqConfig, shown: number): TrainingSize {
  const { batchSize, steps, quantizeFrom, adversarialStart, r1Gamma, r1Every, imageSize, channels } = config;
  const { model, discriminator } = parameterCounts(task);
  const critical = discriminator > 0 ? adversarialStart : steps;
  const main = (quantized: boolean, adversarial: boolean): Work => {
    const from = Math.max(quantized ? quantizeFrom : 0, adversarial ? critical : 0);
    const to = Math.min(steps, quantized ? steps : quantizeFrom, adversarial ? steps : critical);
    const perStep = Math.max(0, to - from) / steps;
    return { plan: tokenizerPlan(task, { quantized, adversarial }, batchSize), perStep };
  };
  const kinds = [main(false, false), main(true, false), main(false, true), main(true, true)];
  const work = kinds.filter(({ perStep }) => perStep > 0);
  if (r1Gamma > 0 && critical < steps)
    work.push({ plan: tokenizerPlan(task, "r1", batchSize), perStep: (steps - critical) / steps / r1Every });
  work.push({ plan: reconstructionPlan(task.model, shown), perStep: 0 });
  return {
    work,
    parameters: model + discriminator,
    averaged: config.ema > 0 ? model : 0,
    batchBytes: 4 * batchSize * imageSize ** 2 * channels,
  };
}

/** Codes of an image. */
export function codesPerImage({ imageSize, patchSize }: VitVqganConfig): number {
  return (imageSize / patchSize) ** 2;
}
