/**
 * The convolutional part of VGG-16: five levels of 3x3 convolutions, each level at half the size of the one before.
 * Source: Simonyan & Zisserman 2014, arXiv:1409.1556, table 1, column D.
 */
import * as tf from "@tensorflow/tfjs";
import { type Conv2dSpec, conv2d, conv2dSpec } from "../nn/conv2d.js";
import { expectShape } from "../nn/expectShape.js";
import type { ParamsOf } from "../nn/params.js";
import { relu } from "../nn/relu.js";

export type Vgg16Config = {
  /** Channels of each level. */
  readonly widths: readonly [number, number, number, number, number];
};

/** The published network: 14,714,688 parameters before its classifier. */
export const VGG16: Vgg16Config = { widths: [64, 128, 256, 512, 512] };

/** Images must have this side at least, so that the last level has a pixel. */
export const VGG16_SMALLEST_SIDE = 16;

const COLOURS = 3;
const CONVOLUTIONS = [2, 2, 3, 3, 3]; // of each level

// Of the pixels of ImageNet in [0, 1]: what the published weights were trained on.
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

/**
 * All parameters. They start as He et al. 2015 have it, which keeps the size of features from level to level.
 * @throws RangeError when a width is not a whole number above 0
 */
export function vgg16Spec({ widths }: Vgg16Config = VGG16): { readonly levels: readonly (readonly Conv2dSpec[])[] } {
  if (widths.length !== CONVOLUTIONS.length || !widths.every((width) => Number.isInteger(width) && width > 0))
    throw new RangeError(`vgg16: want five widths, whole numbers above 0, got ${widths.join(", ")}`);
  const levels = CONVOLUTIONS.map((count, level) => {
    const to = widths[level]!;
    return Array.from({ length: count }, (_, i) => convolutionSpec(i > 0 ? to : (widths[level - 1] ?? COLOURS), to));
  });
  return { levels };
}

function convolutionSpec(from: number, to: number): Conv2dSpec {
  return conv2dSpec({ kernel: 3, from, to }, { init: { kind: "normal", std: Math.sqrt(2 / (9 * from)) } });
}

export type Vgg16Params = ParamsOf<ReturnType<typeof vgg16Spec>>;

/**
 * Features after the ReLU of conv1_2, conv2_2, conv3_3, conv4_3 and conv5_3.
 * @param images [B, H, W, 3] in [0, 1], or grey [B, H, W, 1], which count as three equal colours; H, W >= 16
 * @returns [B, H, W, C1], [B, floor(H/2), floor(W/2), C2] and so on
 * @throws RangeError when the images have another shape
 */
export function vgg16Features(params: Vgg16Params, images: tf.Tensor): tf.Tensor[] {
  expectImages(images);
  const features: tf.Tensor[] = [];
  let x: tf.Tensor = tf.div(tf.sub(images, MEAN), DEVIATION);
  for (const [level, convolutions] of params.levels.entries()) {
    if (level > 0) x = tf.maxPool(x as tf.Tensor4D, 2, 2, "valid");
    for (const convolution of convolutions) x = relu(conv2d(convolution, x));
    features.push(x);
  }
  return features;
}

function expectImages(images: tf.Tensor): void {
  const [, height, width, channels] = images.shape;
  expectShape("vgg16: images", images, [null, null, null, channels === 1 ? 1 : COLOURS]);
  if (Math.min(height!, width!) < VGG16_SMALLEST_SIDE)
    throw new RangeError(
      `vgg16: images want sides of at least ${VGG16_SMALLEST_SIDE} pixels, got ${height} x ${width}`,
    );
}
