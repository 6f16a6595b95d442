/** The step of stage 1 that is timed: ViT-VQGAN with the paper's losses, all networks from random weights. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { LPIPS, type PerceptualConfig, perceptualSpec } from "../losses/perceptual.js";
import { discriminatorOf } from "../models/discriminator.js";
import { tokenizerOf } from "../models/tokenizer.js";
import type { VitVqganConfig } from "../models/vitVqgan.js";
import { flattenSpecs, type ParamSpec } from "../nn/params.js";
import { rngFrom, streamSeed } from "../random.js";
import { DISCRIMINATOR, MODEL, withPrefix } from "../train/named.js";
import { type Plan, tokenizerPlan } from "../train/plans.js";
import type { TokenizerTask } from "../train/tokenizerSteps.js";
import { randomParams } from "./randomParams.js";

/** The size of the tokenizer alone, and of a batch. */
export type TokenizerSize = Omit<Stage1Size, "discriminatorScale" | "vggScale">;

/** The two sides of the autoencoder are equal; their MLPs are four times as wide as the tokens. */
export type Stage1Size = {
  readonly imageSize: number;
  /** 3 if absent. */
  readonly channels?: 1 | 3;
  readonly patchSize: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly batch: number;
  /** Channels of the discriminator and of VGG-16 over the published ones. */
  readonly discriminatorScale: number;
  readonly vggScale: number;
};

/** `ae`: l2, logit-Laplace and VQ. `full`: perceptual and adversarial as well, with the discriminator's own loss. */
export type Stage1Losses = "ae" | "full";

/** Networks and losses of the step; VGG-16 is drawn from `seed`, which costs as much as the published one. */
export function stage1Task(size: Stage1Size, losses: Stage1Losses, seed: number): TokenizerTask {
  const { imageSize, channels = 3, discriminatorScale: channelScale } = size;
  const full = losses === "full";
  return {
    model: stage1Model(size),
    weights: { l1: 0, l2: 1, logitLaplace: 0.1, perceptual: full ? 0.1 : 0, vq: 1, adversarial: full ? 0.1 : 0 },
    ...(full ? { perceptual: perceptualNetwork(size, seed) } : {}),
    discriminator: { kind: "stylegan", imageSize, channels, channelScale },
    adversarialForm: "logistic",
    revival: { quantizeFrom: 0, every: 0 },
    r1: { gamma: 0, every: 1 },
  };
}

/** The step of training in which all losses of `task` count. */
export function stage1Plan(task: TokenizerTask, { batch }: Stage1Size): Plan {
  return tokenizerPlan(task, { quantized: true, adversarial: task.weights.adversarial > 0 }, batch);
}

/** What is trained, by the names of the step's inputs. */
export function stage1Specs({ model, discriminator, weights }: TokenizerTask): Record<string, ParamSpec> {
  return {
    ...withPrefix(MODEL, flattenSpecs(tokenizerOf(model).spec)),
    ...(weights.adversarial > 0 ? withPrefix(DISCRIMINATOR, flattenSpecs(discriminatorOf(discriminator).spec)) : {}),
  };
}

/** Random parameters and images in [0, 1]. */
export function stage1Inputs(task: TokenizerTask, size: Stage1Size, seed: number): NamedHostTensors {
  return { ...randomParams(stage1Specs(task), seed), images: randomImages(size, streamSeed(seed, "images")) };
}

/** The tokenizer that is trained. */
export function stage1Model(size: TokenizerSize): VitVqganConfig {
  const { imageSize, channels = 3, patchSize, dim, depth, heads, codebookSize, codeDim } = size;
  const stack = { dim, depth, heads, mlpDim: 4 * dim };
  return {
    imageSize,
    channels,
    patchSize,
    encoder: stack,
    decoder: stack,
    codebookSize,
    codeDim,
    l2Norm: true,
    commitment: 0.25,
    straightThrough: "normalized",
    vqReduction: "mean",
    head: "tanh",
    positions: "sincos",
    logitLaplace: true,
  };
}

function perceptualNetwork({ vggScale }: Stage1Size, seed: number) {
  const scaled = (width: number) => Math.max(1, Math.round(width * vggScale));
  const [a, b, c, d, e] = LPIPS.widths;
  const config: PerceptualConfig = { ...LPIPS, widths: [scaled(a), scaled(b), scaled(c), scaled(d), scaled(e)] };
  return { config, weights: randomParams(flattenSpecs(perceptualSpec(config)), seed) };
}

/** Noise in [0, 1]. */
export function randomImages({ batch, imageSize, channels = 3 }: TokenizerSize, seed: number): HostTensor {
  const shape = [batch, imageSize, imageSize, channels];
  const rng = rngFrom(seed);
  const data = Float32Array.from({ length: batch * imageSize ** 2 * channels }, () => rng.uniform());
  return { dtype: "float32", shape, data };
}
