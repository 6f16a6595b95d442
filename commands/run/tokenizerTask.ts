/** What the options of `train-vq` describe: networks, losses, and how large a training of them is. */
import { UsageError } from "../../lib/errors.js";
import type { CnnVqganConfig } from "../../lib/models/cnnVqgan.js";
import { type DiscriminatorConfig, discriminatorOf } from "../../lib/models/discriminator.js";
import { smallestPatchImage } from "../../lib/models/patchDiscriminator.js";
import type { QuantizerConfig } from "../../lib/models/quantizer.js";
import { STACK_SIZES } from "../../lib/models/sizes.js";
import { hasChannels } from "../../lib/models/styleganDiscriminator.js";
import { codesPerImage, isConvolutional, type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import type { StackConfig, VitVqganConfig } from "../../lib/models/vitVqgan.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import { adamWCost } from "../../lib/train/adamW.js";
import { type BatchSplit, partCount, partSize } from "../../lib/train/batchParts.js";
import type { EmaCodebookOptions } from "../../lib/train/emaCodebook.js";
import type { TrainingSize, Work } from "../../lib/train/estimate.js";
import { underPrefix } from "../../lib/train/named.js";
import { inLanes, reconstructionPlan, tokenizerPlan } from "../../lib/train/plans.js";
import type { PerceptualNetwork, TokenizerStepOptions, TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import type { TrainVqConfig } from "../trainVq.js";
import { expectArrays, parameterShapes } from "./arraySizes.js";
import { perceptualWeightOf } from "./perceptualNetwork.js";

/**
 * The networks and losses that options describe.
 * @throws UsageError when sizes do not fit each other
 */
export function tokenizerTask(config: TrainVqConfig, perceptual: PerceptualNetwork | undefined): TokenizerTask {
  const model = config.architecture === "cnn" ? cnnModel(config) : vitModel(config);
  const discriminator = discriminatorConfig(config);
  expectArrays(shapesOf(config, { model, discriminator }));
  const averages = config.codebookUpdate === "ema" ? { averages: codebookAverages(config, model) } : {};
  return {
    model,
    weights: {
      l1: config.l1Weight,
      l2: config.l2Weight,
      logitLaplace: config.logitLaplaceWeight,
      perceptual: perceptualWeightOf(config),
      vq: config.vqWeight,
      adversarial: config.adversarialWeight,
    },
    ...(perceptual ? { perceptual } : {}),
    discriminator,
    adversarialForm: config.adversarialForm,
    adaptive: config.adversarialAdaptive,
    revival: { quantizeFrom: config.quantizeFrom, every: config.restartEvery },
    ...averages,
    recompute: config.recompute,
    r1: { gamma: config.r1Gamma, every: config.r1Every },
  };
}

function quantizerConfig(config: TrainVqConfig): QuantizerConfig {
  const { codebookSize, codeDim, l2Norm, commitment, straightThrough, vqReduction } = config;
  const { codeDepth, codebookUpdate, codebookInit } = config;
  const quantizer = { codebookSize, codeDim, l2Norm, commitment, straightThrough, vqReduction };
  return {
    ...quantizer,
    ...(codeDepth > 1 ? { codeDepth } : {}),
    ...(codebookUpdate === "ema" ? { codebookUpdate } : {}),
    ...(codebookInit === "uniform" ? { codebookInit } : {}),
  };
}

function vitModel(config: TrainVqConfig): VitVqganConfig {
  const { imageSize, channels, patchSize, head, positions } = config;
  if (imageSize % patchSize !== 0)
    throw new UsageError(`--patch-size: want a divisor of the image size ${imageSize}, got ${patchSize}`);
  return {
    imageSize,
    channels,
    patchSize,
    encoder: stackOf(config, "encoder"),
    decoder: stackOf(config, "decoder"),
    ...quantizerConfig(config),
    head,
    positions,
    logitLaplace: config.logitLaplaceWeight > 0,
  };
}

function cnnModel(config: TrainVqConfig): CnnVqganConfig {
  const { imageSize, channels, cnnWidth: width, cnnMultipliers: widthMultipliers, cnnGroups: groups } = config;
  const sides = widthMultipliers.map((_, i) => imageSize / 2 ** i);
  const grid = sides.at(-1)!;
  if (!Number.isInteger(grid))
    throw new UsageError(
      `--cnn-multipliers: ${sides.length} levels want an image size that halves ${sides.length - 1} times, got ${imageSize}`,
    );
  const uneven = [width, ...widthMultipliers.map((times) => times * width)].find((each) => each % groups !== 0);
  if (uneven !== undefined)
    throw new UsageError(`--cnn-groups: want a divisor of every level's width, got ${groups} for ${uneven} channels`);
  const attentionSides = config.cnnAttention ?? [grid];
  const absent = attentionSides.find((side) => !sides.includes(side));
  if (absent !== undefined)
    throw new UsageError(`--cnn-attention: want sides among ${sides.join(", ")}, got ${absent}`);
  return {
    imageSize,
    channels,
    width,
    widthMultipliers,
    blocksPerLevel: config.cnnBlocks,
    attentionSides,
    latentDim: config.cnnLatentDim,
    groups,
    ...quantizerConfig(config),
    logitLaplace: config.logitLaplaceWeight > 0,
  };
}

function discriminatorConfig(config: TrainVqConfig): DiscriminatorConfig {
  const { imageSize, channels, discriminator: kind, discriminatorScale, adversarialWeight } = config;
  const smallest = smallestPatchImage();
  if (kind === "patch" && adversarialWeight > 0 && imageSize < smallest)
    throw new UsageError(
      `--discriminator: patch wants images of at least ${smallest} pixels a side, got ${imageSize}; ` +
        "want a larger --image-size, or stylegan",
    );
  if (kind === "patch") return { kind, imageSize, channels, width: Math.max(1, Math.round(64 * discriminatorScale)) };
  const stylegan = { kind, imageSize, channels, channelScale: discriminatorScale };
  if (adversarialWeight > 0 && !hasChannels(stylegan))
    throw new UsageError(
      `--discriminator-scale: ${discriminatorScale} leaves no channel of the discriminator for images of ${imageSize} ` +
        "pixels a side; want a larger one",
    );
  return stylegan;
}

function codebookAverages(config: TrainVqConfig, model: TokenizerConfig): EmaCodebookOptions {
  const meanSize = (config.batchSize * codesPerImage(model)) / config.codebookSize;
  return { decay: config.codebookDecay, epsilon: 1e-5, restartBelow: config.codebookRestart * meanSize };
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

/** Arrays that are as large as options make them. */
function shapesOf(
  { batchSize, imageSize, channels, adversarialWeight }: TrainVqConfig,
  { model, discriminator }: Pick<TokenizerTask, "model" | "discriminator">,
): Record<string, readonly number[]> {
  const critic = adversarialWeight > 0 ? flattenSpecs(discriminatorOf(discriminator).spec, "discriminator") : {};
  const width = isConvolutional(model) ? model.width : Math.max(model.encoder.dim, model.decoder.dim);
  return {
    "a batch of images": [batchSize, imageSize, imageSize, channels],
    "the tokens of an image": [codesPerImage(model), width],
    ...parameterShapes({ ...flattenSpecs(tokenizerOf(model).spec), ...critic }),
  };
}

/** Numbers that are trained, by network. */
export function parameterCounts(task: TokenizerTask) {
  const all = flattenSpecs(tokenizerOf(task.model).spec);
  const critic = task.weights.adversarial > 0 ? flattenSpecs(discriminatorOf(task.discriminator).spec) : {};
  return {
    model: countParameters(all),
    encoder: countParameters(underPrefix("encoder/", all)),
    decoder: countParameters(underPrefix("decoder/", all)),
    discriminator: countParameters(critic),
  };
}

/**
 * How large the training is.
 * @param shown images in a batch of reconstructions
 */
export function tokenizerSize(
  task: TokenizerTask,
  config: TrainVqConfig,
  { split, shown }: { split: Required<BatchSplit>; shown: number },
): TrainingSize {
  const { steps, quantizeFrom, adversarialStart, r1Gamma, r1Every, imageSize, channels } = config;
  const { batchSize, lanes } = split;
  const parts = partCount(split);
  const planOf = (kind: TokenizerStepOptions | "r1") => inLanes(tokenizerPlan(task, kind, partSize(split)), lanes);
  const { model: all, decoder, discriminator } = parameterCounts(task);
  const model = task.frozen ? decoder : all;
  const critical = discriminator > 0 ? adversarialStart : steps;
  const main = (quantized: boolean, adversarial: boolean): Work => {
    const from = Math.max(quantized ? quantizeFrom : 0, adversarial ? critical : 0);
    const to = Math.min(steps, quantized ? steps : quantizeFrom, adversarial ? steps : critical);
    const perStep = (parts * Math.max(0, to - from)) / steps;
    return { plan: planOf({ quantized, adversarial }), perStep };
  };
  const kinds = [main(false, false), main(true, false), main(false, true), main(true, true)];
  const work = kinds.filter(({ perStep }) => perStep > 0);
  if (r1Gamma > 0 && critical < steps)
    work.push({
      plan: planOf("r1"),
      perStep: (parts * (steps - critical)) / steps / r1Every,
    });
  work.push({ plan: reconstructionPlan(task.model, shown), perStep: 0 });
  return {
    work,
    parameters: model + discriminator,
    update: adamWCost(model + discriminator),
    averaged: config.ema > 0 ? model : 0,
    batchBytes: 4 * batchSize * imageSize ** 2 * channels,
  };
}
