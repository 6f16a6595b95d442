/**
 * The convolutional VQGAN, what ViT-VQGAN is compared with: residual blocks that halve the image level by level, the
 * same quantizer, and their mirror image. The functions are those of vitVqgan.ts.
 * Source: Esser et al. 2021, arXiv:2012.09841, and its published code (taming-transformers), without dropout.
 */
import * as tf from "@tensorflow/tfjs";
import { flooredLogScale, logitLaplaceImage } from "../losses/logitLaplace.js";
import { type Conv2dSpec, conv2d } from "../nn/conv2d.js";
import { dense } from "../nn/dense.js";
import { expectShape } from "../nn/expectShape.js";
import { normSpec } from "../nn/normSpec.js";
import type { ParamsOf } from "../nn/params.js";
import { recompute } from "../nn/recompute.js";
import { nearestUpsample } from "../nn/upsample.js";
import { autoencoderOf, type ForwardOptions, type Reconstruction } from "./autoencoder.js";
import { convSpec, type LevelSpec, level, levelSpec, middle, middleSpec, normSwish, pixelSpec } from "./cnnBlocks.js";
import { type QuantizerConfig, quantizerSpec } from "./quantizer.js";

export type CnnVqganConfig = QuantizerConfig & {
  /** Image side in pixels, a multiple of 2 to the number of levels less one. */
  readonly imageSize: number;
  readonly channels: 1 | 3;
  /**
   * Channels that the multipliers multiply. ViT-VQGAN's ablation compares with "channels x1" and "channels x2" and
   * gives no widths: we take x1 for the 128 of the published VQGANs and x2 for 256, every level twice as wide.
   */
  readonly width: number;
  /** Widths of the levels over `width`, from the full image to the grid of codes. */
  readonly widthMultipliers: readonly number[];
  /** Residual blocks a level of the encoder; the decoder has one more. */
  readonly blocksPerLevel: number;
  /** Sides, in pixels, of the levels that have attention after each block. */
  readonly attentionSides: readonly number[];
  /** Channels between the convolutions and the maps to and from the codes. */
  readonly latentDim: number;
  /** Groups of all group norms, dividing the width of each level; 32 in the source. */
  readonly groups: number;
  /** Whether the decoder predicts a logit-Laplace mean and scale for each pixel, or pixels directly. */
  readonly logitLaplace: boolean;
};

/** Codes an image becomes: [rows, columns]. */
export function tokenGrid({
  imageSize,
  widthMultipliers,
}: Pick<CnnVqganConfig, "imageSize" | "widthMultipliers">): [number, number] {
  const side = imageSize / 2 ** (widthMultipliers.length - 1);
  return [side, side];
}

/**
 * All parameters of the tokenizer. `down` and `up` list their levels from the full image to the grid.
 * @throws RangeError when sizes and levels do not fit each other
 */
export function cnnVqganSpec(config: CnnVqganConfig) {
  expectConsistent(config);
  const { channels, width, codeDim, latentDim } = config;
  const widths = levelWidths(config);
  const coarsest = widths.at(-1)!;
  return {
    encoder: {
      convIn: convSpec(3, channels, width),
      down: widths.map((_, i) => downSpec(config, i)),
      mid: middleSpec(coarsest),
      normOut: normSpec(coarsest),
      convOut: convSpec(3, coarsest, latentDim),
      latents: pixelSpec(latentDim, codeDim),
    },
    quantizer: quantizerSpec(config),
    decoder: {
      codes: pixelSpec(codeDim, latentDim),
      convIn: convSpec(3, latentDim, coarsest),
      mid: middleSpec(coarsest),
      up: widths.map((_, i) => upSpec(config, i)),
      normOut: normSpec(widths[0]!),
      convOut: convSpec(3, widths[0]!, config.logitLaplace ? 2 * channels : channels),
    },
  };
}

export type CnnVqganParams = ParamsOf<ReturnType<typeof cnnVqganSpec>>;

function levelWidths({ width, widthMultipliers }: CnnVqganConfig): number[] {
  return widthMultipliers.map((multiplier) => multiplier * width);
}

function hasAttention({ imageSize, attentionSides }: CnnVqganConfig, i: number): boolean {
  return attentionSides.includes(imageSize / 2 ** i);
}

/** Level i of the encoder: blocks, then the convolution that halves the image except on the last level. */
function downSpec(config: CnnVqganConfig, i: number): LevelSpec & { readonly downsample?: Conv2dSpec } {
  const widths = levelWidths(config);
  const to = widths[i]!;
  const level = levelSpec(
    { from: widths[i - 1] ?? config.width, to },
    { count: config.blocksPerLevel, attends: hasAttention(config, i) },
  );
  return i === widths.length - 1 ? level : { ...level, downsample: convSpec(3, to, to) };
}

/** Level i of the decoder: blocks, then the convolution after doubling except on level 0. */
function upSpec(config: CnnVqganConfig, i: number): LevelSpec & { readonly upsample?: Conv2dSpec } {
  const widths = levelWidths(config);
  const to = widths[i]!;
  const level = levelSpec(
    { from: widths[i + 1] ?? to, to },
    { count: config.blocksPerLevel + 1, attends: hasAttention(config, i) },
  );
  return i === 0 ? level : { ...level, upsample: convSpec(3, to, to) };
}

/**
 * Output of the encoder's last block, normalized, which the maps to latents take.
 * @param images [B, H, W, C] in [0, 1]; the network itself sees them in [-1, 1]
 * @returns [B, N, D] in raster order, with D the width of the coarsest level
 * @throws RangeError when images do not have the configured size and channels
 */
export function encoderTokens({ encoder }: CnnVqganParams, config: CnnVqganConfig, images: tf.Tensor): tf.Tensor {
  const [rows, columns] = tokenGrid(config);
  return tf.reshape(encoderMap(encoder, config, images, {}), [-1, rows * columns, encoderWidth(config)]);
}

/** The same before it becomes a sequence, [B, rows, columns, D]. */
function encoderMap(
  params: CnnVqganParams["encoder"],
  config: CnnVqganConfig,
  images: tf.Tensor,
  options: ForwardOptions,
): tf.Tensor {
  expectShape("encoder: images", images, [null, config.imageSize, config.imageSize, config.channels]);
  const { groups } = config;
  const run = levelRunner(groups, options);
  let x = conv2d(params.convIn, tf.sub(tf.mul(images, 2), 1));
  for (const { downsample, ...blocks } of params.down) {
    x = run(blocks, x);
    // On even sides this pads one row below and one column to the right, as the source does.
    if (downsample) x = conv2d(downsample, x, { stride: 2 });
  }
  return normSwish(params.normOut, groups, middle(params.mid, groups, x));
}

/** Width of `encoderTokens`. */
export function encoderWidth(config: CnnVqganConfig): number {
  return levelWidths(config).at(-1)!;
}

/**
 * Encoder output before quantizing.
 * @param images [B, H, W, C] in [0, 1]
 * @returns latents, [B, N, Dc], in raster order
 * @throws RangeError when images do not have the configured size and channels
 */
export function encode(
  params: CnnVqganParams["encoder"],
  config: CnnVqganConfig,
  images: tf.Tensor,
  options: ForwardOptions = {},
): tf.Tensor {
  const [rows, columns] = tokenGrid(config);
  const x = conv2d(params.convOut, encoderMap(params, config, images, options));
  return dense(params.latents, tf.reshape(x, [-1, rows * columns, config.latentDim]));
}

/**
 * Image of quantized latents.
 * @param quantized [B, N, Dc]
 * @throws RangeError when they are not of the configured grid and width
 */
export function decode(
  params: CnnVqganParams["decoder"],
  config: CnnVqganConfig,
  quantized: tf.Tensor,
  options: ForwardOptions = {},
): Reconstruction {
  const [rows, columns] = tokenGrid(config);
  expectShape("decoder: quantized", quantized, [null, rows * columns, config.codeDim]);
  const { groups, latentDim } = config;
  const run = levelRunner(groups, options);
  let x = conv2d(params.convIn, tf.reshape(dense(params.codes, quantized), [-1, rows, columns, latentDim]));
  x = middle(params.mid, groups, x);
  for (const { upsample, ...blocks } of [...params.up].reverse()) {
    x = run(blocks, x);
    if (upsample) x = conv2d(upsample, nearestUpsample(x));
  }
  const outputs = conv2d(params.convOut, normSwish(params.normOut, groups, x)); // [B, H, W, C], twice with densities
  if (!config.logitLaplace) return { image: tf.mul(tf.add(outputs, 1), 0.5) };
  const [mean, scale] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  return { image: logitLaplaceImage(mean), density: { mean, logScale: flooredLogScale(scale) } };
}

/** The blocks of a level, kept for the gradient or computed again. */
function levelRunner(groups: number, { recompute: again = false }: ForwardOptions) {
  const run = (params: ParamsOf<LevelSpec>, x: tf.Tensor) => level(params, groups, x);
  return again ? (params: ParamsOf<LevelSpec>, x: tf.Tensor) => recompute(run, params, x) : run;
}

/** Encode, quantize, decode; images to codes; codes to images. */
export const { autoencode, encodeCodes, decodeCodes } = autoencoderOf({ encode, decode });

function expectConsistent(config: CnnVqganConfig): void {
  const { imageSize, widthMultipliers, attentionSides, groups } = config;
  const sides = widthMultipliers.map((_, i) => imageSize / 2 ** i);
  if (sides.length === 0 || !Number.isInteger(sides.at(-1)))
    throw new RangeError(
      `CNN-VQGAN: ${sides.length} levels want an imageSize that halves ${sides.length - 1} times, got ${imageSize}`,
    );
  const uneven = [config.width, ...levelWidths(config)].find((width) => !Number.isInteger(width / groups));
  if (uneven !== undefined)
    throw new RangeError(`CNN-VQGAN: want widths in multiples of the ${groups} groups, got ${uneven}`);
  const absent = attentionSides.find((side) => !sides.includes(side));
  if (absent !== undefined)
    throw new RangeError(`CNN-VQGAN: attentionSides names ${absent}, but the levels have sides ${sides.join(", ")}`);
}
