/** The stage-1 step that both sides compare: ViT-VQGAN with the paper's losses, all networks from random weights. */
import type { HostTensor, NamedHostTensors } from "../lib/engine/types.js";
import { LPIPS, type PerceptualConfig, perceptualSpec } from "../lib/losses/perceptual.js";
import { discriminatorOf } from "../lib/models/discriminator.js";
import { tokenizerOf } from "../lib/models/tokenizer.js";
import type { VitVqganConfig } from "../lib/models/vitVqgan.js";
import { flattenSpecs, type Init, initialise, type ParamSpec } from "../lib/nn/params.js";
import { rngFrom, streamSeed } from "../lib/random.js";
import { withPrefix } from "../lib/train/named.js";
import { type Plan, tokenizerPlan } from "../lib/train/plans.js";
import { DISCRIMINATOR, MODEL, type TokenizerTask } from "../lib/train/tokenizerSteps.js";

/** The two sides of the autoencoder are equal; their MLPs are four times as wide as the tokens. */
export type Stage1Size = {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly batch: number;
  /** Channels of the discriminator and of VGG-16 over the published ones, at most 1. */
  readonly discriminatorScale: number;
  readonly vggScale: number;
};

/** `ae`: l2, logit-Laplace and VQ. `full`: perceptual and adversarial as well, with the discriminator's own loss. */
export type Stage1Losses = "ae" | "full";

/** Networks and losses of the step; VGG-16 is drawn from `seed`, which costs as much as the published one. */
export function stage1Task(size: Stage1Size, losses: Stage1Losses, seed: number): TokenizerTask {
  const { imageSize, discriminatorScale: channelScale } = size;
  const full = losses === "full";
  return {
    model: model(size),
    weights: { l1: 0, l2: 1, logitLaplace: 0.1, perceptual: full ? 0.1 : 0, vq: 1, adversarial: full ? 0.1 : 0 },
    ...(full ? { perceptual: perceptualNetwork(size, seed) } : {}),
    discriminator: {
      kind: "stylegan",
      imageSize,
      channels: 3,
      channelScale,
      maxChannels: Math.round(512 * channelScale),
    },
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

function model({ imageSize, patchSize, dim, depth, heads, codebookSize, codeDim }: Stage1Size): VitVqganConfig {
  const stack = { dim, depth, heads, mlpDim: 4 * dim };
  return {
    imageSize,
    channels: 3,
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

/** Initial values, but nothing starts as 0 or 1: a bias or a gain that one side leaves out must show. */
export function randomParams(specs: Readonly<Record<string, ParamSpec>>, seed: number): NamedHostTensors {
  const random = Object.entries(specs).map(([name, spec]) => [name, { ...spec, init: unsettled(spec.init) }]);
  return initialise(Object.fromEntries(random), seed);
}

function unsettled(init: Init): Init {
  if (init.kind === "zeros") return { kind: "normal", std: 0.02 };
  return init.kind === "ones" ? { kind: "normal", mean: 1, std: 0.1 } : init;
}

function randomImages({ batch, imageSize }: Stage1Size, seed: number): HostTensor {
  const shape = [batch, imageSize, imageSize, 3];
  const rng = rngFrom(seed);
  const data = Float32Array.from({ length: batch * imageSize ** 2 * 3 }, () => rng.uniform());
  return { dtype: "float32", shape, data };
}
