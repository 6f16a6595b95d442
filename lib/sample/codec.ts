/** A trained tokenizer at work: images to codes or features, codes to images, with weights built into the graphs. */
import * as tf from "@tensorflow/tfjs";
import { type BatchPlan, compileBatched } from "../engine/batched.js";
import type { Engine, NamedHostTensors, Step, TensorSpec } from "../engine/types.js";
import { logitLaplaceLosses } from "../losses/logitLaplace.js";
import { codesPerImage, type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";

export type CodecOptions = {
  readonly engine: Engine;
  readonly model: TokenizerConfig;
  readonly weights: NamedHostTensors;
  /** Whether the weights are given up: their data are empty once the program has copies. */
  readonly givesUpWeights?: boolean;
  /** Most images in one run of the graph; more are cut up, and where fewer at once are faster, so are these. */
  readonly batchSize: number;
};

/** What a graph for so many images is made of. */
type Sized = Omit<CodecOptions, "engine">;

export type Encoder = {
  /**
   * Codes [N, T] of images [N, H, W, C] in [0, 1].
   * @throws RangeError, as the others here, when the numbers are not those of whole images
   */
  encode(images: Float32Array): Promise<Int32Array>;
  close(): Promise<void>;
};

export type Decoder = {
  /** Images [N, H, W, C] in [0, 1] of codes [N, T]. */
  decode(codes: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
};

export type Featurizer = {
  /** D. */
  readonly dim: number;
  /** Features [N, D] of images [N, H, W, C] in [0, 1]. */
  extract(images: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
};

/** What becomes of N images. */
export type Autoencoded = {
  /** [N, H, W, C], clipped to [0, 1]. */
  readonly reconstructions: Float32Array;
  /** All codes of an image one after the other, [N, T]. */
  readonly codes: Int32Array;
  /** `logitLaplaceLosses` of the images under the decoder's density, [N]; only with `model.logitLaplace`. */
  readonly logitLaplace?: Float32Array;
};

export type Autoencoder = {
  /** @param images [N, H, W, C] in [0, 1] */
  autoencode(images: Float32Array): Promise<Autoencoded>;
  close(): Promise<void>;
};

/** Images to codes as a step, and what compiling it needs. */
export function encoderPlan(options: Sized) {
  const step: Step = (inputs) => ({ codes: tokenizerOf(options.model).encodeCodes(inputs, inputs["images"]!) });
  return { step, options: { name: "encode", ...fromImages(options) } };
}

/** Codes to images as a step, and what compiling it needs. */
export function decoderPlan({ model, batchSize, ...options }: Sized) {
  const step: Step = (inputs) => ({ images: tokenizerOf(model).decodeCodes(inputs, inputs["codes"]!) });
  const codes: TensorSpec = { dtype: "int32", shape: [batchSize, codesPerImage(model)] };
  return { step, options: { name: "decode", inputs: { codes }, ...builtIn(options) } };
}

/** Compiles the encoder of a tokenizer. */
export async function createEncoder(options: CodecOptions): Promise<Encoder> {
  const { run, close } = await batched(options, encoderPlan, "images");
  return {
    encode: async (images) => ((await run({ images }))["codes"] ?? new Int32Array(0)) as Int32Array,
    close,
  };
}

/**
 * Compiles features of images: the mean over all tokens of what the encoder's last block makes of them, before the maps
 * to latents, which keep only what a code can say.
 */
export async function createFeaturizer(options: CodecOptions): Promise<Featurizer> {
  const { encoderWidth: dim, encoderTokens } = tokenizerOf(options.model);
  const step: Step = (inputs) => ({ features: tf.mean(encoderTokens(inputs, inputs["images"]!), 1) });
  const plan = (sized: Sized) => ({ step, options: { name: "featurize", ...fromImages(sized) } });
  const { run, close } = await batched(options, plan, "images");
  return {
    dim,
    extract: async (images) => ((await run({ images }))["features"] ?? new Float32Array(0)) as Float32Array,
    close,
  };
}

/** Compiles the decoder of a tokenizer. */
export async function createDecoder(options: CodecOptions): Promise<Decoder> {
  const { run, close } = await batched(options, decoderPlan, "codes");
  return {
    decode: async (codes) => ((await run({ codes }))["images"] ?? new Float32Array(0)) as Float32Array,
    close,
  };
}

/** Compiles encoder, quantizer and decoder as one program, which also judges the decoder's density: to measure with. */
export async function createAutoencoder(options: CodecOptions): Promise<Autoencoder> {
  const step = autoencodingStep(options.model);
  const plan = (sized: Sized) => ({ step, options: { name: "autoencode", ...fromImages(sized) } });
  const { run, close } = await batched(options, plan, "images");
  const nothing = { reconstructions: new Float32Array(0), codes: new Int32Array(0) };
  return {
    autoencode: async (images) => ({ ...nothing, ...(await run({ images })) }) as Autoencoded,
    close,
  };
}

function autoencodingStep(model: TokenizerConfig): Step {
  return (inputs) => {
    const images = inputs["images"]!;
    const { image, density, quantized } = tokenizerOf(model).autoencode(inputs, images);
    return {
      reconstructions: tf.clipByValue(image, 0, 1),
      codes: quantized.codes,
      ...(density ? { logitLaplace: logitLaplaceLosses(images, density) } : {}),
    };
  };
}

/** Compiles the plan for any number of `items`. */
function batched({ engine, ...options }: CodecOptions, plan: (sized: Sized) => ReturnType<BatchPlan>, items: string) {
  const sized: BatchPlan = (batchSize) => plan({ ...options, batchSize });
  return compileBatched({ engine, plan: sized, items: [items], most: options.batchSize });
}

/** How a step of images is compiled. */
function fromImages({ model: { imageSize, channels }, batchSize, ...options }: Sized) {
  const images: TensorSpec = { dtype: "float32", shape: [batchSize, imageSize, imageSize, channels] };
  return { inputs: { images }, ...builtIn(options) };
}

function builtIn({ weights, givesUpWeights = false }: Pick<CodecOptions, "weights" | "givesUpWeights">) {
  return { constants: weights, givesUpConstants: givesUpWeights };
}
