/** A trained tokenizer at work: images to codes or features, codes to images, with weights built into the graphs. */
import * as tf from "@tensorflow/tfjs";
import type { DType, Engine, NamedHostTensors, Program, Step, TensorSpec } from "../engine/types.js";
import { logitLaplaceLosses } from "../losses/logitLaplace.js";
import { codesPerImage, type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";
import { sizeOf } from "../shapes.js";

export type CodecOptions = {
  readonly engine: Engine;
  readonly model: TokenizerConfig;
  readonly weights: NamedHostTensors;
  /** Whether the weights are given up: their data are empty once the program has copies. */
  readonly givesUpWeights?: boolean;
  /** Images in one run of the graph; more are cut up, fewer padded. */
  readonly batchSize: number;
};

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
export function encoderPlan(options: Omit<CodecOptions, "engine">) {
  const step: Step = (inputs) => ({ codes: tokenizerOf(options.model).encodeCodes(inputs, inputs["images"]!) });
  return { step, options: { name: "encode", ...fromImages(options) } };
}

/** Codes to images as a step, and what compiling it needs. */
export function decoderPlan({ model, batchSize, ...options }: Omit<CodecOptions, "engine">) {
  const step: Step = (inputs) => ({ images: tokenizerOf(model).decodeCodes(inputs, inputs["codes"]!) });
  const codes: TensorSpec = { dtype: "int32", shape: [batchSize, codesPerImage(model)] };
  return { step, options: { name: "decode", inputs: { codes }, ...builtIn(options) } };
}

/** Compiles the encoder of a tokenizer. */
export async function createEncoder({ engine, ...options }: CodecOptions): Promise<Encoder> {
  const plan = encoderPlan(options);
  const program = await engine.compile(plan.step, plan.options);
  const run = inBatches(program, imagesOf(options), options.batchSize);
  return {
    encode: async (images) => ((await run(images))["codes"] ?? new Int32Array(0)) as Int32Array,
    close: () => program.dispose(),
  };
}

/**
 * Compiles features of images: the mean over all tokens of what the encoder's last block makes of them, before the maps
 * to latents, which keep only what a code can say.
 */
export async function createFeaturizer({ engine, ...options }: CodecOptions): Promise<Featurizer> {
  const { encoderWidth: dim, encoderTokens } = tokenizerOf(options.model);
  const step: Step = (inputs) => ({ features: tf.mean(encoderTokens(inputs, inputs["images"]!), 1) });
  const program = await engine.compile(step, { name: "featurize", ...fromImages(options) });
  const run = inBatches(program, imagesOf(options), options.batchSize);
  return {
    dim,
    extract: async (images) => ((await run(images))["features"] ?? new Float32Array(0)) as Float32Array,
    close: () => program.dispose(),
  };
}

/** Compiles the decoder of a tokenizer. */
export async function createDecoder({ engine, ...options }: CodecOptions): Promise<Decoder> {
  const plan = decoderPlan(options);
  const program = await engine.compile(plan.step, plan.options);
  const codes = { name: "codes", dtype: "int32", shape: [codesPerImage(options.model)] } as const;
  const run = inBatches(program, codes, options.batchSize);
  return {
    decode: async (codes) => ((await run(codes))["images"] ?? new Float32Array(0)) as Float32Array,
    close: () => program.dispose(),
  };
}

/** Compiles encoder, quantizer and decoder as one program, which also judges the decoder's density: to measure with. */
export async function createAutoencoder({ engine, ...options }: CodecOptions): Promise<Autoencoder> {
  const program = await engine.compile(autoencodingStep(options.model), { name: "autoencode", ...fromImages(options) });
  const run = inBatches(program, imagesOf(options), options.batchSize);
  const nothing = { reconstructions: new Float32Array(0), codes: new Int32Array(0) };
  return {
    autoencode: async (images) => ({ ...nothing, ...(await run(images)) }) as Autoencoded,
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

/** What a program is given of each image: [...shape]. */
type Item = { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] };

function imagesOf({ model }: Pick<CodecOptions, "model">): Item {
  return { name: "images", dtype: "float32", shape: [model.imageSize, model.imageSize, model.channels] };
}

/** How a step of images is compiled. */
function fromImages(options: Omit<CodecOptions, "engine">) {
  const { dtype, shape } = imagesOf(options);
  return { inputs: { images: { dtype, shape: [options.batchSize, ...shape] } }, ...builtIn(options) };
}

function builtIn({ weights, givesUpWeights = false }: Pick<CodecOptions, "weights" | "givesUpWeights">) {
  return { constants: weights, givesUpConstants: givesUpWeights };
}

type Numbers = Float32Array | Int32Array;

/**
 * What `program` gives of any number of items, one behind the other; of none, nothing. The last batch is padded with zeros.
 * @throws RangeError when the numbers are not those of whole items
 */
function inBatches(program: Program, { name, dtype, shape }: Item, batchSize: number) {
  const each = sizeOf(shape);
  return async (all: Numbers): Promise<Record<string, Numbers>> => {
    const count = all.length / each;
    if (!Number.isInteger(count))
      throw new RangeError(`${program.name}: want ${name} of ${each} numbers each, got ${all.length} numbers`);
    const joined: Record<string, Numbers> = {};
    for (let at = 0; at < count; at += batchSize) {
      const data = padded(all.subarray(at * each, (at + batchSize) * each), batchSize * each);
      const results = await program.run({ [name]: { dtype, shape: [batchSize, ...shape], data } });
      for (const [result, { dtype, data }] of Object.entries(results)) {
        const width = data.length / batchSize;
        joined[result] ??= numbers(dtype, count * width);
        joined[result].set(data.subarray(0, (count - at) * width), at * width);
      }
    }
    return joined;
  };
}

const numbers = (dtype: DType, length: number): Numbers =>
  dtype === "int32" ? new Int32Array(length) : new Float32Array(length);

/** The numbers themselves where there are enough, else with zeros behind. */
function padded(some: Numbers, length: number): Numbers {
  if (some.length === length) return some;
  const all = numbers(some instanceof Int32Array ? "int32" : "float32", length);
  all.set(some);
  return all;
}
