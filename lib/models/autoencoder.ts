/** What every tokenizer can do once it has an encoder, a quantizer and a decoder. */
import * as tf from "@tensorflow/tfjs";
import type { LogitLaplace } from "../losses/logitLaplace.js";
import { lookup, type Quantized, type QuantizerConfig, type QuantizerParams, quantize } from "./quantizer.js";

/** What the decoder says about an image. */
export type Reconstruction = {
  /** [B, H, W, C], meant to lie in [0, 1] but not clipped. */
  readonly image: tf.Tensor;
  /** The density behind it, where the decoder predicts one. */
  readonly density?: LogitLaplace;
};

/** How a tokenizer is run. */
export type ForwardOptions = {
  /** The decoder gets the latents themselves in place of codewords. */
  readonly continuous?: boolean;
  /** Blocks are computed again for the gradient instead of keeping what they made: less memory, more time. */
  readonly recompute?: boolean;
};

/** The two sides of a tokenizer whose latents are [B, N, Dc]. */
export type Sides<Encoder, Decoder, Config> = {
  readonly encode: (params: Encoder, config: Config, images: tf.Tensor, options?: ForwardOptions) => tf.Tensor;
  readonly decode: (params: Decoder, config: Config, quantized: tf.Tensor, options?: ForwardOptions) => Reconstruction;
};

type AllParams<Encoder, Decoder> = {
  readonly encoder: Encoder;
  readonly quantizer: QuantizerParams;
  readonly decoder: Decoder;
};

/** The functions that lead from images to images, from images to codes, and back. */
export function autoencoderOf<Encoder, Decoder, Config extends QuantizerConfig>({
  encode,
  decode,
}: Sides<Encoder, Decoder, Config>) {
  type Params = AllParams<Encoder, Decoder>;
  return {
    /** Encode, quantize, decode. */
    autoencode(
      params: Params,
      config: Config,
      images: tf.Tensor,
      options: ForwardOptions = {},
    ): Reconstruction & { quantized: Quantized } {
      const latents = encode(params.encoder, config, images, options);
      const quantized = quantize(params.quantizer, config, latents);
      const received = options.continuous ? quantized.latents : quantized.straightThrough;
      return { ...decode(params.decoder, config, received, options), quantized };
    },

    /** Codes of images, int32 [B, N], or [B, N, R] with R > 1 codes a token. */
    encodeCodes(params: Params, config: Config, images: tf.Tensor): tf.Tensor {
      return quantize(params.quantizer, config, encode(params.encoder, config, images)).codes;
    },

    /** Images of codes [B, N] or [B, N, R], clipped to [0, 1]. */
    decodeCodes(params: Params, config: Config, codes: tf.Tensor): tf.Tensor {
      const { image } = decode(params.decoder, config, lookup(params.quantizer, config, codes));
      return tf.clipByValue(image, 0, 1);
    },
  };
}
