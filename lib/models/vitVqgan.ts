/**
 * ViT-VQGAN: a vision transformer encodes an image into a grid of discrete codes, another decodes them.
 * Source: Yu et al. 2021, arXiv:2110.04627, section 3. Where the paper is silent: pre-LN blocks with GELU, fixed 2-D
 * sine-cosine positions, head width 4 D, a separate linear map between head and codes.
 */
import * as tf from "@tensorflow/tfjs";
import { flooredLogScale, logitLaplaceImage } from "../losses/logitLaplace.js";
import { type BlockConfig, block, blockSpec } from "../nn/block.js";
import { type DenseOptions, type DenseParams, type DenseSpec, dense, denseSpec } from "../nn/dense.js";
import { expectShape } from "../nn/expectShape.js";
import { layerNorm } from "../nn/layerNorm.js";
import { type NormSpec, normSpec } from "../nn/normSpec.js";
import type { ParamSpec, ParamsOf } from "../nn/params.js";
import { patchify, unpatchify } from "../nn/patches.js";
import { sinCosPositions } from "../nn/positions.js";
import { autoencoderOf, type ForwardOptions, type Reconstruction } from "./autoencoder.js";
import { type QuantizerConfig, quantizerSpec } from "./quantizer.js";

/** One side, encoder or decoder. */
export type StackConfig = BlockConfig & { readonly depth: number };

export type VitVqganConfig = QuantizerConfig & {
  /** Image side in pixels, a multiple of patchSize. */
  readonly imageSize: number;
  readonly channels: 1 | 3;
  readonly patchSize: number;
  readonly encoder: StackConfig;
  readonly decoder: StackConfig;
  /** The paper's two-layer feed-forward with tanh after each stack, or a plain linear map. */
  readonly head: "tanh" | "none";
  readonly positions: "sincos" | "learned";
  /** Whether the decoder predicts a logit-Laplace mean and scale for each pixel, or pixels directly. */
  readonly logitLaplace: boolean;
  /** Whether the last map has a bias for each pixel of a patch or, as a convolution has, for each channel; absent: pixel. */
  readonly pixelBias?: "pixel" | "channel";
};

/** Tokens an image becomes: [rows, columns]. */
export function tokenGrid({ imageSize, patchSize }: Pick<VitVqganConfig, "imageSize" | "patchSize">): [number, number] {
  return [imageSize / patchSize, imageSize / patchSize];
}

/** All parameters of the tokenizer. */
export function vitVqganSpec(config: VitVqganConfig) {
  const { encoder, decoder, patchSize, channels, codeDim } = config;
  const tanhHead = config.head === "tanh";
  const pixels = patchSize * patchSize * channels;
  const wide = (dim: number) => HEAD_FACTOR * dim;
  return {
    encoder: {
      patches: denseSpec(pixels, encoder.dim, {
        init: { kind: "normal", std: TOKEN_STD / (PIXEL_STD * pixels ** 0.5) },
      }),
      stack: stackSpec(config, encoder),
      head: headSpec(tanhHead && [encoder.dim, wide(encoder.dim), encoder.dim]),
      latents: denseSpec(encoder.dim, codeDim),
    },
    quantizer: quantizerSpec(config),
    decoder: {
      codes: denseSpec(codeDim, decoder.dim, codesInit(config)),
      stack: stackSpec(config, decoder),
      head: headSpec(tanhHead && [decoder.dim, wide(decoder.dim)]),
      pixels: pixelSpec(config, tanhHead ? wide(decoder.dim) : decoder.dim),
    },
  };
}

type HeadSpec = { readonly up?: DenseSpec; readonly down?: DenseSpec };

function headSpec(widths: readonly number[] | false): HeadSpec {
  if (!widths) return {};
  const [from, hidden, to] = widths as [number, number, number?];
  const up = denseSpec(from, hidden);
  return to === undefined ? { up } : { up, down: denseSpec(hidden, to) };
}

/** The decoder's last map: [from, M P P C], M = 2 with densities. */
function pixelSpec(config: VitVqganConfig, from: number): DenseSpec {
  const { patchSize, channels, logitLaplace, pixelBias } = config;
  const maps = logitLaplace ? 2 : 1;
  const { kernel, bias } = denseSpec(from, maps * patchSize ** 2 * channels);
  return { kernel, bias: pixelBias === "channel" ? { ...bias!, shape: [maps * channels] } : bias! };
}

/**
 * Both embeddings start with tokens as long as the positions that are added to them. Xavier's start leaves them several
 * times shorter, and hundreds of steps pass before either side sees more than where a token is. Latents that are not
 * normalised have no length to go by.
 */
function codesInit({ l2Norm }: VitVqganConfig): DenseOptions {
  return l2Norm ? { init: { kind: "normal", std: TOKEN_STD } } : {};
}

/** Deviation of an element of sine-cosine positions. */
const TOKEN_STD = Math.SQRT1_2;

/** Deviation of a pixel in [0, 1] from its mean over images; those of a patch go together. */
const PIXEL_STD = 0.25;

/** Hidden width of the tanh heads over the model's: the paper's parameter counts fit 4. */
const HEAD_FACTOR = 4;

export type VitVqganParams = ParamsOf<ReturnType<typeof vitVqganSpec>>;

/** Parameters of a transformer stack with its positions and final norm. */
function stackSpec(config: VitVqganConfig, stack: StackConfig): StackSpec {
  const [rows, columns] = tokenGrid(config);
  const learned: ParamSpec = { shape: [rows * columns, stack.dim], init: { kind: "normal", std: 0.02 }, decay: false };
  return {
    ...(config.positions === "learned" ? { positions: learned } : {}),
    blocks: Array.from({ length: stack.depth }, () => blockSpec(stack)),
    norm: normSpec(stack.dim),
  };
}

type StackSpec = {
  readonly positions?: ParamSpec;
  readonly blocks: readonly ReturnType<typeof blockSpec>[];
  readonly norm: NormSpec;
};

type StackParams = ParamsOf<StackSpec>;

/**
 * Output of the encoder's stack, which the maps to latents take.
 * @param images [B, H, W, C] in [0, 1]
 * @returns tokens, [B, N, D], with D = encoder.dim
 * @throws RangeError when images do not have the configured size and channels
 */
export function encoderTokens({ encoder }: VitVqganParams, config: VitVqganConfig, images: tf.Tensor): tf.Tensor {
  return encoderStack(encoder, config, images, {});
}

function encoderStack(
  params: VitVqganParams["encoder"],
  config: VitVqganConfig,
  images: tf.Tensor,
  options: ForwardOptions,
): tf.Tensor {
  expectShape("encoder: images", images, [null, config.imageSize, config.imageSize, config.channels]);
  const patches = patchify(images, config.patchSize); // [B, N, P P C]
  const embedded = dense(params.patches, patches);
  return stack(params.stack, config, { stack: config.encoder, tokens: embedded, options });
}

/** Width of `encoderTokens`. */
export function encoderWidth({ encoder }: VitVqganConfig): number {
  return encoder.dim;
}

/**
 * Encoder output before quantizing.
 * @param images [B, H, W, C] in [0, 1]
 * @returns latents, [B, N, Dc]
 * @throws RangeError when images do not have the configured size and channels
 */
export function encode(
  params: VitVqganParams["encoder"],
  config: VitVqganConfig,
  images: tf.Tensor,
  options: ForwardOptions = {},
): tf.Tensor {
  return dense(params.latents, tanhHead(params.head, encoderStack(params, config, images, options)));
}

/**
 * Image of quantized latents.
 * @param quantized [B, N, Dc]
 */
export function decode(
  params: VitVqganParams["decoder"],
  config: VitVqganConfig,
  quantized: tf.Tensor,
  options: ForwardOptions = {},
): Reconstruction {
  const grid = tokenGrid(config);
  expectShape("decoder: quantized", quantized, [null, grid[0] * grid[1], config.codeDim]);
  const embedded = dense(params.codes, quantized);
  const tokens = stack(params.stack, config, { stack: config.decoder, tokens: embedded, options });
  const outputs = pixelMap(params.pixels, config, tanhHead(params.head, tokens)); // [B, N, M P P C]
  if (!config.logitLaplace) return { image: unpatchify(outputs, config.patchSize, grid) };
  const [means, scales] = tf.split(outputs, 2, -1) as [tf.Tensor, tf.Tensor];
  const mean = unpatchify(means, config.patchSize, grid);
  const logScale = flooredLogScale(unpatchify(scales, config.patchSize, grid));
  return { image: logitLaplaceImage(mean), density: { mean, logScale } };
}

/** Encode, quantize, decode; images to codes; codes to images. */
export const { autoencode, encodeCodes, decodeCodes } = autoencoderOf({ encode, decode });

function tanhHead({ up, down }: ParamsOf<HeadSpec>, tokens: tf.Tensor): tf.Tensor {
  if (!up) return tokens;
  const hidden = tf.tanh(dense(up, tokens));
  return down ? dense(down, hidden) : hidden;
}

function pixelMap(params: DenseParams, config: VitVqganConfig, tokens: tf.Tensor): tf.Tensor {
  if (config.pixelBias !== "channel") return dense(params, tokens);
  const { patchSize, channels, logitLaplace } = config;
  const maps = logitLaplace ? 2 : 1;
  const outputs = dense({ kernel: params.kernel }, tokens);
  const pixels = tf.reshape(outputs, [-1, maps, patchSize ** 2, channels]);
  return tf.reshape(tf.add(pixels, tf.reshape(params.bias!, [maps, 1, channels])), outputs.shape);
}

function stack(
  params: StackParams,
  config: VitVqganConfig,
  { stack, tokens, options }: { stack: StackConfig; tokens: tf.Tensor; options: ForwardOptions },
): tf.Tensor {
  const [rows, columns] = tokenGrid(config);
  const fixed = () => tf.tensor2d(sinCosPositions(rows, columns, stack.dim), [rows * columns, stack.dim]);
  let x = tf.add(tokens, params.positions ?? fixed()); // [B, N, D]
  for (const each of params.blocks) x = block(each, stack, x, { recompute: options.recompute ?? false });
  return layerNorm(params.norm, x);
}
