/** Image tokenizers of any architecture behind one set of functions; a configuration says by its fields which it is. */
import * as tf from "@tensorflow/tfjs";
import type { NamedTensors } from "../engine/types.js";
import { type ParamsOf, paramTree, type SpecTree } from "../nn/params.js";
import type { ForwardOptions, Reconstruction } from "./autoencoder.js";
import * as cnn from "./cnnVqgan.js";
import type { Quantized, QuantizerConfig } from "./quantizer.js";
import * as vit from "./vitVqgan.js";

export type TokenizerConfig = vit.VitVqganConfig | cnn.CnnVqganConfig;

/** A tokenizer's functions; `params` are its parameters by path. */
export type Tokenizer = {
  /** All parameters. */
  readonly spec: SpecTree;
  /** Tokens an image becomes: [rows, columns]. */
  readonly grid: readonly [number, number];
  /** Path of the kernel of the decoder's last map. */
  readonly lastKernel: string;
  /** Width D of `encoderTokens`. */
  readonly encoderWidth: number;
  /** What the encoder's last block makes of images, [B, N, D]: wider than the latents that are mapped from it. */
  encoderTokens(params: NamedTensors, images: tf.Tensor): tf.Tensor;
  /** Encode, quantize, decode images [B, H, W, C] in [0, 1]. */
  autoencode(
    params: NamedTensors,
    images: tf.Tensor,
    options?: ForwardOptions,
  ): Reconstruction & { quantized: Quantized };
  /** Codes of images as a sequence, int32 [B, N R]: the R codes of a token stand next to each other. */
  encodeCodes(params: NamedTensors, images: tf.Tensor): tf.Tensor;
  /** Images of codes [B, N R] or [B, N, R], clipped to [0, 1]. */
  decodeCodes(params: NamedTensors, codes: tf.Tensor): tf.Tensor;
};

/**
 * The functions of the tokenizer that a configuration describes.
 * @throws RangeError when its sizes do not fit each other
 */
export function tokenizerOf(config: TokenizerConfig): Tokenizer {
  return isConvolutional(config)
    ? { ...bind(cnn, config, cnn.cnnVqganSpec(config)), lastKernel: "decoder/convOut/kernel" }
    : { ...bind(vit, config, vit.vitVqganSpec(config)), lastKernel: "decoder/pixels/kernel" };
}

/** Whether the tokenizer is a CNN-VQGAN; otherwise it is a ViT-VQGAN. */
export function isConvolutional(config: TokenizerConfig): config is cnn.CnnVqganConfig {
  return "widthMultipliers" in config;
}

/** Codes an image becomes, as a model of sequences sees them: [rows, columns R] with R codes a token. */
export function codeGrid(config: TokenizerConfig): [number, number] {
  const [rows, columns] = tokenizerOf(config).grid;
  return [rows, columns * (config.codeDepth ?? 1)];
}

/** Number of codes of an image. */
export function codesPerImage(config: TokenizerConfig): number {
  const [rows, columns] = codeGrid(config);
  return rows * columns;
}

/** What every architecture's module exports. */
type Architecture<Config, Params> = {
  tokenGrid(config: Config): [number, number];
  encoderWidth(config: Config): number;
  encoderTokens(params: Params, config: Config, images: tf.Tensor): tf.Tensor;
  autoencode(
    params: Params,
    config: Config,
    images: tf.Tensor,
    options?: ForwardOptions,
  ): Reconstruction & { quantized: Quantized };
  encodeCodes(params: Params, config: Config, images: tf.Tensor): tf.Tensor;
  decodeCodes(params: Params, config: Config, codes: tf.Tensor): tf.Tensor;
};

function bind<Config, Spec extends SpecTree>(
  of: Architecture<Config, ParamsOf<Spec>>,
  config: Config & QuantizerConfig,
  spec: Spec,
): Omit<Tokenizer, "lastKernel"> {
  const [rows, columns] = of.tokenGrid(config);
  const { codeDepth = 1 } = config;
  const oneByOne = (codes: tf.Tensor) => (codeDepth > 1 ? tf.reshape(codes, [-1, rows * columns * codeDepth]) : codes);
  const byToken = (codes: tf.Tensor) => (codeDepth > 1 ? tf.reshape(codes, [-1, rows * columns, codeDepth]) : codes);
  return {
    spec,
    grid: [rows, columns],
    encoderWidth: of.encoderWidth(config),
    encoderTokens: (params, images) => of.encoderTokens(paramTree(spec, params), config, images),
    autoencode: (params, images, options) => of.autoencode(paramTree(spec, params), config, images, options),
    encodeCodes: (params, images) => oneByOne(of.encodeCodes(paramTree(spec, params), config, images)),
    decodeCodes: (params, codes) => of.decodeCodes(paramTree(spec, params), config, byToken(codes)),
  };
}
