/** A trained tokenizer at work: images to codes or features, codes to images, with weights built into the graphs. */
import * as tf from "@tensorflow/tfjs";
import type { Engine, NamedHostTensors, Step, TensorSpec } from "../engine/types.js";
import { logitLaplaceLosses } from "../losses/logitLaplace.js";
import { codesPerImage, type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";

export type CodecOptions = {
  readonly engine: Engine;
  readonly model: TokenizerConfig;
  readonly weights: NamedHostTensors;
  /** Images in one run of the graph; more are cut up, fewer padded. */
  readonly batchSize: number;
};

export type Encoder = {
  /** Codes [N, T] of images [N, H, W, C] in [0, 1]. */
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
export function encoderPlan({ model, weights, batchSize }: Omit<CodecOptions, "engine">) {
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const step: Step = (inputs) => ({ codes: tokenizerOf(model).encodeCodes(inputs, inputs["images"]!) });
  const images: TensorSpec = { dtype: "float32", shape };
  return { step, options: { name: "encode", inputs: { images }, constants: weights } };
}

/** Codes to images as a step, and what compiling it needs. */
export function decoderPlan({ model, weights, batchSize }: Omit<CodecOptions, "engine">) {
  const step: Step = (inputs) => ({ images: tokenizerOf(model).decodeCodes(inputs, inputs["codes"]!) });
  const codes: TensorSpec = { dtype: "int32", shape: [batchSize, codesPerImage(model)] };
  return { step, options: { name: "decode", inputs: { codes }, constants: weights } };
}

/** Compiles the encoder of a tokenizer. */
export async function createEncoder({ engine, ...options }: CodecOptions): Promise<Encoder> {
  const { model, batchSize } = options;
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const perImage = codesPerImage(model);
  const plan = encoderPlan(options);
  const program = await engine.compile(plan.step, plan.options);
  return {
    encode: async (images) => {
      const count = (images.length / elements(shape)) * batchSize;
      const codes = new Int32Array(Math.round(count) * perImage);
      await inBatches(images, elements(shape), async (batch, at) => {
        const results = await program.run({ images: { dtype: "float32", shape, data: batch } });
        put(codes, results["codes"]!.data, at * batchSize * perImage);
      });
      return codes;
    },
    close: () => program.dispose(),
  };
}

/**
 * Compiles features of images: the mean over all tokens of what the encoder's last block makes of them, before the maps
 * to latents, which keep only what a code can say.
 */
export async function createFeaturizer({ engine, model, weights, batchSize }: CodecOptions): Promise<Featurizer> {
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const { encoderWidth: dim, encoderTokens } = tokenizerOf(model);
  const program = await engine.compile(
    (inputs) => ({ features: tf.mean(encoderTokens(inputs, inputs["images"]!), 1) }),
    { name: "featurize", inputs: { images: { dtype: "float32", shape } }, constants: weights },
  );
  return {
    dim,
    extract: async (images) => {
      const count = Math.round((images.length / elements(shape)) * batchSize);
      const features = new Float32Array(count * dim);
      await inBatches(images, elements(shape), async (batch, at) => {
        const results = await program.run({ images: { dtype: "float32", shape, data: batch } });
        put(features, results["features"]!.data, at * batchSize * dim);
      });
      return features;
    },
    close: () => program.dispose(),
  };
}

/** Compiles the decoder of a tokenizer. */
export async function createDecoder({ engine, ...options }: CodecOptions): Promise<Decoder> {
  const { model, batchSize } = options;
  const perImage = codesPerImage(model);
  const shape = [batchSize, perImage];
  const pixels = model.imageSize ** 2 * model.channels;
  const plan = decoderPlan(options);
  const program = await engine.compile(plan.step, plan.options);
  return {
    decode: async (codes) => {
      const images = new Float32Array((codes.length / perImage) * pixels);
      await inBatches(codes, elements(shape), async (batch, at) => {
        const results = await program.run({ codes: { dtype: "int32", shape, data: batch } });
        put(images, results["images"]!.data, at * batchSize * pixels);
      });
      return images;
    },
    close: () => program.dispose(),
  };
}

/** Compiles encoder, quantizer and decoder as one program, which also judges the decoder's density: to measure with. */
export async function createAutoencoder({ engine, model, weights, batchSize }: CodecOptions): Promise<Autoencoder> {
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const program = await engine.compile(autoencodingStep(model), {
    name: "autoencode",
    inputs: { images: { dtype: "float32", shape } },
    constants: weights,
  });
  return {
    autoencode: async (images) => {
      const count = Math.round((images.length / elements(shape)) * batchSize);
      const joined: Record<string, Numbers> = { reconstructions: new Float32Array(0), codes: new Int32Array(0) };
      await inBatches(images, elements(shape), async (batch, index) => {
        const results = await program.run({ images: { dtype: "float32", shape, data: batch } });
        for (const [name, { dtype, data }] of Object.entries(results)) {
          const size = (count * data.length) / batchSize;
          if (index === 0) joined[name] = dtype === "int32" ? new Int32Array(size) : new Float32Array(size);
          put(joined[name]!, data, index * data.length);
        }
      });
      return joined as Autoencoded;
    },
    close: () => program.dispose(),
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

type Numbers = Float32Array | Int32Array;

/** Calls `body` with each batch of `size` elements, the last one padded with zeros. */
async function inBatches<A extends Numbers>(
  all: A,
  size: number,
  body: (batch: A, index: number) => Promise<void>,
): Promise<void> {
  for (let index = 0; index * size < all.length; index++) {
    const part = all.subarray(index * size, (index + 1) * size) as A;
    if (part.length === size) await body(part, index);
    else {
      const padded = (all instanceof Float32Array ? new Float32Array(size) : new Int32Array(size)) as A;
      padded.set(part);
      await body(padded, index);
    }
  }
}

/** Copies as much of `from` as fits. */
function put(into: Numbers, from: Numbers, at: number): void {
  into.set(from.subarray(0, into.length - at), at);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
