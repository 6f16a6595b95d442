/** The steps of stage 1 as pure functions: autoencoder and discriminator together, R1 alone, reconstruction. */
import * as tf from "@tensorflow/tfjs";
import type { NamedTensors, Step } from "../engine/types.js";
import { type AdversarialForm, discriminatorLoss, generatorLoss } from "../losses/adversarial.js";
import { logitLaplaceLoss } from "../losses/logitLaplace.js";
import { l1Loss, l2Loss } from "../losses/pixel.js";
import { r1Penalty } from "../losses/r1.js";
import { type DiscriminatorConfig, discriminate, discriminatorSpec } from "../models/styleganDiscriminator.js";
import { autoencode, type Reconstruction, type VitVqganConfig, vitVqganSpec } from "../models/vitVqgan.js";
import { valueAndGradients } from "../nn/gradients.js";
import { paramTree } from "../nn/params.js";
import { stopGradient } from "../nn/stopGradient.js";
import type { RevivalOptions } from "./codebookRevival.js";
import { underPrefix, withPrefix } from "./named.js";

/** Weights of the losses; 0 leaves a loss out of the graph. Paper: l2 1, logit-laplace 0.1, adversarial 0.1, vq 1. */
export type TokenizerWeights = {
  readonly l1: number;
  readonly l2: number;
  readonly logitLaplace: number;
  readonly vq: number;
  readonly adversarial: number;
};

export type TokenizerTask = {
  readonly model: VitVqganConfig;
  readonly weights: TokenizerWeights;
  readonly discriminator: DiscriminatorConfig;
  readonly adversarialForm: AdversarialForm;
  /** How dead codes are avoided. */
  readonly revival: RevivalOptions;
  /** R1 gamma and the number of steps between penalties, which scales it (lazy regularisation). */
  readonly r1: { readonly gamma: number; readonly every: number };
};

/** Which losses a step has. */
export type TokenizerStepOptions = {
  readonly adversarial: boolean;
  /** Whether the decoder gets codewords; before, it gets the latents themselves and no VQ loss counts. */
  readonly quantized: boolean;
};

export const MODEL = "model/";
export const DISCRIMINATOR = "discriminator/";
export const GRADIENT = "gradient/";

/**
 * Losses and gradients of one batch. Inputs: `model/*`, with `adversarial` also `discriminator/*`, and `images`
 * [B, H, W, C] in [0, 1]. Outputs: each loss unweighted, `codes` [B, N], `latents` [B, N, Dc], `gradient/model/*`,
 * `gradient/discriminator/*`.
 * Generator and discriminator share the forward pass: what both need is in the graph once.
 */
export function tokenizerStep(task: TokenizerTask, { adversarial, quantized: discrete }: TokenizerStepOptions): Step {
  return (inputs) => {
    const images = inputs["images"]!;
    const critic = underPrefix(DISCRIMINATOR, inputs);
    const generator = valueAndGradients(
      () => {
        const { quantized, ...output } = autoencode(modelTree(task, inputs), task.model, images, {
          continuous: !discrete,
        });
        const losses = pixelLosses(task, images, output);
        const { codebook, commitment } = quantized.loss;
        const all: Record<string, tf.Scalar> = { ...losses, codebook, commitment };
        if (adversarial) all["generator"] = generatorLoss(task.adversarialForm, judge(task, critic, output.image));
        const weights = discrete ? task.weights : { ...task.weights, vq: 0 };
        const { codes, latents } = quantized;
        return { loss: weightedSum(weights, all), aux: { ...all, image: output.image, codes, latents } };
      },
      underPrefix(MODEL, inputs),
    );
    const { image, ...reported } = generator.aux;
    const outputs = { ...reported, loss: generator.loss, ...gradientOutputs(MODEL, generator.gradients) };
    if (!adversarial) return outputs;
    const discriminator = valueAndGradients(() => {
      const real = judge(task, critic, images);
      const fake = judge(task, critic, stopGradient(image!));
      return { loss: discriminatorLoss(task.adversarialForm, { real, fake }) };
    }, critic);
    return {
      ...outputs,
      discriminator: discriminator.loss,
      ...gradientOutputs(DISCRIMINATOR, discriminator.gradients),
    };
  };
}

/** The R1 penalty on real images, scaled by its interval, with its gradients by the discriminator. */
export function r1Step(task: TokenizerTask): Step {
  return (inputs) => {
    const critic = underPrefix(DISCRIMINATOR, inputs);
    const { loss, gradients } = valueAndGradients(() => {
      const real = centred(inputs["images"]!); // the penalty is that of the range the network sees, as in StyleGAN2
      const penalty = r1Penalty((images) => logits(task, critic, images), real, task.r1.gamma);
      return { loss: tf.mul(penalty, task.r1.every) as tf.Scalar };
    }, critic);
    return { r1: tf.div(loss, task.r1.every), ...gradientOutputs(DISCRIMINATOR, gradients) };
  };
}

/** Reconstructions clipped to [0, 1] and codes of `images`, by weights `model/*`. */
export function reconstructionStep(model: VitVqganConfig): Step {
  return (inputs) => {
    const tree = paramTree(vitVqganSpec(model), underPrefix(MODEL, inputs));
    const { image, quantized } = autoencode(tree, model, inputs["images"]!);
    return { reconstructions: tf.clipByValue(image, 0, 1), codes: quantized.codes };
  };
}

function modelTree(task: TokenizerTask, inputs: NamedTensors) {
  return paramTree(vitVqganSpec(task.model), underPrefix(MODEL, inputs));
}

/** Discriminator logits [B] of images in [0, 1]. */
function judge(task: TokenizerTask, critic: NamedTensors, images: tf.Tensor): tf.Tensor {
  return logits(task, critic, centred(images));
}

/** Discriminator logits [B] of images in [-1, 1]. */
function logits(task: TokenizerTask, critic: NamedTensors, images: tf.Tensor): tf.Tensor {
  return discriminate(paramTree(discriminatorSpec(task.discriminator), critic), task.discriminator, images);
}

/** Pixels of [0, 1] in [-1, 1]. */
function centred(images: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(images, 2), 1);
}

function pixelLosses(task: TokenizerTask, images: tf.Tensor, { image, density }: Reconstruction) {
  const losses: Record<string, tf.Scalar> = { l2: l2Loss(image, images) };
  if (task.weights.l1 > 0) losses["l1"] = l1Loss(image, images);
  if (density) losses["logitLaplace"] = logitLaplaceLoss(images, density);
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
