/**
 * The PatchGAN discriminator: a small convolutional network that judges overlapping patches of an image, one logit
 * each. With three layers a logit sees 70 x 70 pixels.
 * Source: Isola et al. 2017, arXiv:1611.07004, appendix 6.1.2, as the VQGAN (arXiv:2012.09841) trains with it.
 */
import type * as tf from "@tensorflow/tfjs";
import { batchNorm } from "../nn/batchNorm.js";
import { type Conv2dSpec, conv2d, conv2dSpec } from "../nn/conv2d.js";
import { expectShape } from "../nn/expectShape.js";
import { leakyRelu } from "../nn/leakyRelu.js";
import { normSpec } from "../nn/normSpec.js";
import type { ParamsOf } from "../nn/params.js";

export type PatchDiscriminatorConfig = {
  /** Image side in pixels. */
  readonly imageSize: number;
  readonly channels: 1 | 3;
  /** Channels after the first layer, which the next layers double up to eightfold; 64 if absent. */
  readonly width?: number;
  /** Layers that halve the image; 3 if absent. Two that do not follow. */
  readonly layers?: number;
};

const WIDTH = 64;
const LAYERS = 3;
const WIDEST = 8; // times the width
const KERNEL = 4;
const PAD = 1; // pixels of zeros around
const SLOPE = 0.2;
const INIT = { kind: "normal", std: 0.02 } as const;
const GAINS = { ...INIT, mean: 1 } as const;

/** Rows of the map of logits: 30 of an image of 256 pixels. */
export function patchGrid({ imageSize, layers = LAYERS }: PatchDiscriminatorConfig): number {
  let side = imageSize;
  for (let i = 0; i < layers + 2; i++) side = Math.floor((side + 2 * PAD - KERNEL) / strideOf(i, layers)) + 1;
  return side;
}

/** Side of the smallest image that leaves a logit: 24 pixels with three layers. */
export function smallestPatchImage({ layers = LAYERS }: Pick<PatchDiscriminatorConfig, "layers"> = {}): number {
  return 3 * 2 ** layers; // the two convolutions that do not halve take a row each
}

/**
 * All parameters of the discriminator. Convolutions before a norm have no bias.
 * @throws RangeError when the image is too small for one logit
 */
export function patchDiscriminatorSpec(config: PatchDiscriminatorConfig) {
  const { imageSize, channels, width = WIDTH, layers = LAYERS } = config;
  if (!(patchGrid(config) >= 1))
    throw new RangeError(`patch discriminator: ${layers} layers leave nothing of ${imageSize} pixels`);
  const widths = Array.from({ length: layers + 1 }, (_, i) => width * Math.min(2 ** i, WIDEST));
  return {
    fromImage: convSpec(channels, width),
    blocks: widths.slice(1).map((to, i) => ({ conv: convSpec(widths[i]!, to, false), norm: normSpec(to, GAINS) })),
    logits: convSpec(widths.at(-1)!, 1),
  };
}

export type PatchDiscriminatorParams = ParamsOf<ReturnType<typeof patchDiscriminatorSpec>>;

function convSpec(from: number, to: number, bias = true): Conv2dSpec {
  return conv2dSpec({ kernel: KERNEL, from, to }, { bias, init: INIT });
}

/**
 * How real each patch of each image looks. The norms take the statistics of this very batch, as they do in training,
 * which is all a discriminator is for: there are no running averages. Real and generated images therefore go through
 * in calls of their own, and images of one batch have a part in each other's logits.
 * @param images [B, S, S, C] with S = config.imageSize, in the range the caller trains with ([-1, 1] in the source)
 * @returns logits, [B, h, w, 1]: positive for real
 * @throws RangeError when the images do not have the configured size and channels
 */
export function discriminatePatches(
  params: PatchDiscriminatorParams,
  { imageSize, channels, layers = LAYERS }: PatchDiscriminatorConfig,
  images: tf.Tensor,
): tf.Tensor {
  expectShape("patch discriminator: images", images, [null, imageSize, imageSize, channels]);
  const how = (layer: number) => ({ stride: strideOf(layer, layers), pad: PAD });
  let x = leakyRelu(conv2d(params.fromImage, images, how(0)), SLOPE);
  for (const [i, block] of params.blocks.entries())
    x = leakyRelu(batchNorm(block.norm, conv2d(block.conv, x, how(i + 1))), SLOPE);
  return conv2d(params.logits, x, how(layers + 1));
}

/** The first `layers` convolutions halve, the last two do not. */
function strideOf(layer: number, layers: number): 1 | 2 {
  return layer < layers ? 2 : 1;
}
