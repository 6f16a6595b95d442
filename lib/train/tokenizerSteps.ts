/** The steps of stage 1 as pure functions: autoencoder and discriminator together, R1 alone, reconstruction. */
import * as tf from "@tensorflow/tfjs";
import type { NamedHostTensors, NamedTensors, Step } from "../engine/types.js";
import { type AdversarialForm, discriminatorLoss, generatorLoss } from "../losses/adversarial.js";
import { logitLaplaceLoss } from "../losses/logitLaplace.js";
import { type PerceptualConfig, perceptualLoss, perceptualSpec } from "../losses/perceptual.js";
import { l1Loss, l2Loss } from "../losses/pixel.js";
import { r1Penalty } from "../losses/r1.js";
import type { Reconstruction } from "../models/autoencoder.js";
import { type DiscriminatorConfig, discriminatorOf } from "../models/discriminator.js";
import { type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";
import { STDDEV_GROUP } from "../nn/minibatchStddev.js";
import { paramTree } from "../nn/params.js";
import { stopGradient } from "../nn/stopGradient.js";
import type { RevivalOptions } from "./codebookRevival.js";
import type { EmaCodebookOptions } from "./emaCodebook.js";
import { LOSS_SCALE } from "./lossScale.js";
import { DISCRIMINATOR, GRADIENT, MODEL, PERCEPTUAL, underPrefix, withPrefix } from "./named.js";
import { scaledGradients } from "./scaledGradients.js";

/**
 * Weights of the losses. At 0 a loss is left out of the graph, but L2 and those of the codebook, which are measured all the same.
 * Paper: l2 1, logit-laplace 0.1, perceptual 0.1, adversarial 0.1, vq 1.
 */
export type TokenizerWeights = {
  readonly l1: number;
  readonly l2: number;
  readonly logitLaplace: number;
  readonly perceptual: number;
  readonly vq: number;
  readonly adversarial: number;
};

export type TokenizerTask = {
  readonly model: TokenizerConfig;
  readonly weights: TokenizerWeights;
  /** What the perceptual loss sees with: wanted where it has a weight. */
  readonly perceptual?: PerceptualNetwork;
  readonly discriminator: DiscriminatorConfig;
  readonly adversarialForm: AdversarialForm;
  /** Whether the generator's loss is weighed by the gradients at the last layer; off if absent. */
  readonly adaptive?: boolean;
  /** How dead codes are avoided, where the codebook learns by its loss. */
  readonly revival: RevivalOptions;
  /** The moving averages that are the codebook where it does not: with `model.codebookUpdate` "ema". */
  readonly averages?: EmaCodebookOptions;
  /** What the names of parameters begin with that are given and not trained; none if absent. */
  readonly frozen?: readonly string[];
  /** Whether blocks are computed again for the gradient instead of kept; no if absent. */
  readonly recompute?: boolean;
  /** R1 gamma and the number of steps between penalties, which scales it (lazy regularisation). */
  readonly r1: { readonly gamma: number; readonly every: number };
};

export type PerceptualNetwork = { readonly config: PerceptualConfig; readonly weights: NamedHostTensors };

/** Which losses a step has. */
export type TokenizerStepOptions = {
  readonly adversarial: boolean;
  /** Whether the decoder gets codewords; before, it gets the latents themselves and no VQ loss counts. */
  readonly quantized: boolean;
};

/**
 * Losses and gradients of one batch. Inputs: `model/*`, with `adversarial` also `discriminator/*`, with a perceptual loss
 * `perceptual/*`, `images` [B, H, W, C] in [0, 1], and where gradients are to be multiplied `lossScale`. Outputs: each loss
 * unweighted, `codes` [B, N], `latents` [B, N, Dc], what chose the codes, `gradient/model/*` (of what is not frozen),
 * `gradient/discriminator/*`.
 * Generator and discriminator share the forward pass: what both need is in the graph once.
 */
export function tokenizerStep(task: TokenizerTask, { adversarial, quantized: discrete }: TokenizerStepOptions): Step {
  return (inputs) => {
    const images = inputs["images"]!;
    const critic = underPrefix(DISCRIMINATOR, inputs);
    const { autoencode } = tokenizerOf(task.model);
    const forward = () =>
      autoencode(underPrefix(MODEL, inputs), images, { continuous: !discrete, recompute: task.recompute ?? false });
    const adaptive = adversarial && task.adaptive ? adaptiveFactor(task, inputs, forward) : undefined;
    const generator = scaledGradients(
      inputs,
      () => {
        const { quantized, ...output } = forward();
        const losses = reconstructionLosses(task, inputs, output);
        const { codebook, commitment } = quantized.loss;
        const all: Record<string, tf.Scalar> = { ...losses, codebook, commitment };
        if (adversarial) all["generator"] = generatorLoss(task.adversarialForm, judge(task, critic, output.image));
        const weights = discrete ? task.weights : { ...task.weights, vq: 0 };
        const { codes, compared: latents } = quantized;
        const loss = weightedSum(weights, { ...all, ...scaledBy(adaptive, all) });
        return { loss, aux: { ...all, image: output.image, codes, latents } };
      },
      trainedOf(task, underPrefix(MODEL, inputs)),
    );
    const { image, ...reported } = generator.aux;
    const outputs = {
      ...reported,
      ...(adaptive ? { adaptive } : {}),
      loss: generator.loss,
      ...gradientOutputs(MODEL, generator.gradients),
    };
    if (!adversarial) return outputs;
    const judged = () => {
      const real = judge(task, critic, images);
      const fake = judge(task, critic, stopGradient(image!));
      return { loss: discriminatorLoss(task.adversarialForm, { real, fake }) };
    };
    const discriminator = scaledGradients(inputs, judged, critic);
    return {
      ...outputs,
      discriminator: discriminator.loss,
      ...gradientOutputs(DISCRIMINATOR, discriminator.gradients),
    };
  };
}

/**
 * Fewest images that a part of a batch may have for its losses to mean what those of the whole batch do: a discriminator
 * compares groups of four, and an adaptive weight is one number for all.
 */
export function leastImages({ weights, adaptive = false }: TokenizerTask): number {
  if (weights.adversarial === 0) return 1;
  return adaptive ? Number.POSITIVE_INFINITY : STDDEV_GROUP;
}

/** The model's parameters, by name, that learn. */
export function trainedOf<T>({ frozen = [] }: TokenizerTask, params: Readonly<Record<string, T>>): Record<string, T> {
  const isFrozen = (name: string) => frozen.some((prefix) => name.startsWith(prefix));
  return Object.fromEntries(Object.entries(params).filter(([name]) => !isFrozen(name)));
}

/** The R1 penalty on real images, scaled by its interval, with its gradients by the discriminator. */
export function r1Step(task: TokenizerTask): Step {
  return (inputs) => {
    const critic = underPrefix(DISCRIMINATOR, inputs);
    const { judge } = discriminatorOf(task.discriminator);
    const penalised = () => {
      const real = centred(inputs["images"]!); // the penalty is that of the range the network sees, as in StyleGAN2
      const penalty = r1Penalty((images) => judge(critic, images), real, task.r1.gamma);
      return { loss: tf.mul(penalty, task.r1.every) as tf.Scalar };
    };
    const { loss, gradients } = scaledGradients(inputs, penalised, critic);
    return { r1: tf.div(loss, task.r1.every), ...gradientOutputs(DISCRIMINATOR, gradients) };
  };
}

/** Reconstructions clipped to [0, 1] and codes of `images`, by weights `model/*`. */
export function reconstructionStep(model: TokenizerConfig): Step {
  return (inputs) => {
    const { image, quantized } = tokenizerOf(model).autoencode(underPrefix(MODEL, inputs), inputs["images"]!);
    return { reconstructions: tf.clipByValue(image, 0, 1), codes: quantized.codes };
  };
}

/** Discriminator logits of images in [0, 1]. */
function judge(task: TokenizerTask, critic: NamedTensors, images: tf.Tensor): tf.Tensor {
  return discriminatorOf(task.discriminator).judge(critic, centred(images));
}

/** Pixels of [0, 1] in [-1, 1]. */
function centred(images: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(images, 2), 1);
}

const scaledBy = (factor: tf.Scalar | undefined, { generator }: Readonly<Record<string, tf.Scalar>>) =>
  factor && generator ? { generator: tf.mul(generator, factor) as tf.Scalar } : {};

const [ADAPTIVE_EPSILON, ADAPTIVE_MOST] = [1e-4, 1e4];

/**
 * Factor on the generator's loss that makes it pull on the decoder's last kernel W as much as the reconstruction:
 * `|d reconstruction / dW| / (|d generator / dW| + 1e-4)`, at most 10^4, without gradient.
 * A traced graph has the forward pass once all the same; an eager engine computes it again for each of the two.
 * Source: Esser et al. 2021, arXiv:2012.09841, equation 7, and its code for the bounds.
 */
function adaptiveFactor(task: TokenizerTask, inputs: NamedTensors, forward: () => Reconstruction): tf.Scalar {
  const kernel = inputs[MODEL + tokenizerOf(task.model).lastKernel]!;
  const critic = underPrefix(DISCRIMINATOR, inputs);
  const scale = inputs[LOSS_SCALE];
  const pull = (loss: () => tf.Scalar) => {
    const { gradients } = scaledGradients(inputs, () => ({ loss: loss() }), { kernel });
    const norm = tf.sqrt(tf.sum(tf.square(gradients["kernel"]!)));
    return scale ? tf.div(norm, scale) : norm;
  };
  const reconstruction = pull(() => weightedSum(task.weights, reconstructionLosses(task, inputs, forward())));
  const generator = pull(() => generatorLoss(task.adversarialForm, judge(task, critic, forward().image)));
  return tf.minimum(tf.div(reconstruction, tf.add(generator, ADAPTIVE_EPSILON)), ADAPTIVE_MOST) as tf.Scalar;
}

function reconstructionLosses(task: TokenizerTask, inputs: NamedTensors, output: Reconstruction) {
  return { ...pixelLosses(task, inputs["images"]!, output), ...perceptualLosses(task, inputs, output) };
}

function pixelLosses(task: TokenizerTask, images: tf.Tensor, { image, density }: Reconstruction) {
  const losses: Record<string, tf.Scalar> = { l2: l2Loss(image, images) };
  if (task.weights.l1 > 0) losses["l1"] = l1Loss(image, images);
  if (density) losses["logitLaplace"] = logitLaplaceLoss(images, density);
  return losses;
}

function perceptualLosses(task: TokenizerTask, inputs: NamedTensors, { image }: Reconstruction) {
  const losses: Record<string, tf.Scalar> = {};
  const { perceptual, weights } = task;
  if (weights.perceptual === 0) return losses;
  if (!perceptual) throw new RangeError("a perceptual loss with a weight wants a network to see with");
  const params = paramTree(perceptualSpec(perceptual.config), underPrefix(PERCEPTUAL, inputs));
  losses["perceptual"] = perceptualLoss(params, { images: inputs["images"]!, reconstructions: image });
  return losses;
}

function weightedSum(weights: TokenizerWeights, losses: Readonly<Record<string, tf.Scalar>>): tf.Scalar {
  const factors: Record<string, number> = {
    ...weights,
    codebook: weights.vq,
    commitment: weights.vq,
    generator: weights.adversarial,
  };
  const terms = Object.entries(losses).map(([name, loss]) => tf.mul(loss, factors[name] ?? 0) as tf.Scalar);
  return tf.addN(terms);
}

function gradientOutputs(network: string, gradients: NamedTensors): NamedTensors {
  return withPrefix(GRADIENT + network, gradients);
}
