/**
 * The StyleGAN2 discriminator: residual blocks that halve the image, then the variation within the batch, one
 * convolution and two linear maps.
 * Source: Karras et al. 2020, arXiv:1912.04958 (residual configuration), as the public ports of ViT-VQGAN have it.
 */
import * as tf from "@tensorflow/tfjs";
import { blur } from "../nn/blur.js";
import { equalisedConv2d, equalisedConv2dSpec, equalisedDense, equalisedDenseSpec } from "../nn/equalised.js";
import { expectShape } from "../nn/expectShape.js";
import { minibatchStddev } from "../nn/minibatchStddev.js";
import type { ParamsOf } from "../nn/params.js";

export type DiscriminatorConfig = {
  /** Image side in pixels. Powers of two give the published network; other sides are halved rounding down. */
  readonly imageSize: number;
  readonly channels: 1 | 3;
  /** Factor on the widths of all levels before `maxChannels`; 1 if absent. */
  readonly channelScale?: number;
  /** Upper bound of the width; 512 if absent. */
  readonly maxChannels?: number;
};

const SMALLEST = 4; // blocks halve the image while its side is above this
const WIDTH_TIMES_SIDE = 32768; // 128 channels at 256 pixels, twice as many at half of that
const MAX_CHANNELS = 512;

/** Sides of the image from the input down to where the blocks end: 28, 14, 7, 3. */
export function discriminatorSides(imageSize: number): number[] {
  const sides = [imageSize];
  for (let side = imageSize; side > SMALLEST; side = Math.floor(side / 2)) sides.push(Math.floor(side / 2));
  return sides;
}

/**
 * All parameters of the discriminator.
 * @throws RangeError when the image is smaller than one pixel or no channel is left at some level
 */
export function discriminatorSpec(config: DiscriminatorConfig) {
  const { imageSize, channels } = config;
  if (!Number.isInteger(imageSize) || imageSize < 1)
    throw new RangeError(`discriminator: imageSize wants a whole number above 0, got ${imageSize}`);
  const sides = discriminatorSides(imageSize);
  const widths = sides.map((side) => channelsAt(config, side));
  const last = widths.at(-1)!;
  return {
    fromImage: equalisedConv2dSpec({ kernel: 1, from: channels, to: widths[0]! }),
    blocks: widths.slice(1).map((to, i) => blockSpec(widths[i]!, to)),
    finalConv: equalisedConv2dSpec({ kernel: 3, from: last + 1, to: last }),
    finalDense: equalisedDenseSpec(sides.at(-1)! ** 2 * last, last),
    logit: equalisedDenseSpec(last, 1),
  };
}

export type DiscriminatorParams = ParamsOf<ReturnType<typeof discriminatorSpec>>;

/**
 * How real each image looks.
 * @param images [B, S, S, C] with S = config.imageSize, in the range the caller trains with ([-1, 1] by default)
 * @returns logits, [B]: positive for real
 * @throws RangeError when the images do not have the configured size and channels
 */
export function discriminate(
  params: DiscriminatorParams,
  { imageSize, channels }: DiscriminatorConfig,
  images: tf.Tensor,
): tf.Tensor1D {
  expectShape("discriminator: images", images, [null, imageSize, imageSize, channels]);
  const B = images.shape[0]!;
  let x = equalisedConv2d(params.fromImage, images, ACTIVATED);
  for (const each of params.blocks) x = block(each, x);
  x = equalisedConv2d(params.finalConv, minibatchStddev(x), ACTIVATED);
  // Flattened as the published weights expect it: channel, row, column.
  const features = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [B, -1]);
  const hidden = equalisedDense(params.finalDense, features, ACTIVATED);
  return tf.reshape(equalisedDense(params.logit, hidden), [B]);
}

/** Leaky ReLU times sqrt 2, which keeps the variance. */
const ACTIVATED = { activation: "leakyRelu", gain: Math.SQRT2 } as const;

function blockSpec(from: number, to: number) {
  return {
    conv1: equalisedConv2dSpec({ kernel: 3, from, to: from }),
    conv2: equalisedConv2dSpec({ kernel: 3, from, to }),
    skip: equalisedConv2dSpec({ kernel: 1, from, to }, { bias: false }),
  };
}

/**
 * `(main(x) + skip(x)) / sqrt 2` at half the size. The last gain of the main path, sqrt 2, cancels the division; that
 * of the skip path becomes its gain. The skip's 1x1 convolution of stride 2 reads every other pixel of the blurred
 * image, so only those are computed.
 * @param x [B, S, S, from]
 * @returns [B, floor(S/2), floor(S/2), to]
 */
function block(params: ParamsOf<ReturnType<typeof blockSpec>>, x: tf.Tensor): tf.Tensor {
  // The skip comes first, so that its gradient by x, which would wait in memory for that of the main path, is taken last.
  const skip = equalisedConv2d(params.skip, blur(x, { pad: 1, stride: 2 }), { gain: Math.SQRT1_2 });
  const hidden = equalisedConv2d(params.conv1, x, ACTIVATED);
  const main = equalisedConv2d(params.conv2, blur(hidden, { pad: 2 }), {
    activation: "leakyRelu",
    stride: 2,
    pad: "valid",
  });
  return tf.add(main, skip);
}

/** Whether the discriminator has a channel at every level; the first one, of the largest side, has the fewest. */
export function hasChannels(config: DiscriminatorConfig): boolean {
  return widthAt(config, config.imageSize) >= 1;
}

function channelsAt(config: DiscriminatorConfig, side: number): number {
  const width = widthAt(config, side);
  if (width >= 1) return width;
  const { channelScale = 1, maxChannels = MAX_CHANNELS } = config;
  throw new RangeError(
    `discriminator: channelScale ${channelScale} and maxChannels ${maxChannels} leave no channel at ${side} ` +
      "pixels; raise them",
  );
}

function widthAt({ channelScale = 1, maxChannels = MAX_CHANNELS }: DiscriminatorConfig, side: number): number {
  const nominalSide = 2 ** Math.ceil(Math.log2(side)); // sides between powers of two are as wide as the larger one
  return Math.min(maxChannels, Math.round((channelScale * WIDTH_TIMES_SIDE) / nominalSide));
}
