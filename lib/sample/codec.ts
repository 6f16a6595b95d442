/** A trained tokenizer at work: images to codes and codes to images, with weights built into the graphs. */
import type { Engine, NamedHostTensors, Program } from "../engine/types.js";
import { decodeCodes, encodeCodes, tokenGrid, type VitVqganConfig, vitVqganSpec } from "../models/vitVqgan.js";
import { paramTree } from "../nn/params.js";

export type CodecOptions = {
  readonly engine: Engine;
  readonly model: VitVqganConfig;
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

/** Compiles the encoder of a tokenizer. */
export async function createEncoder({ engine, model, weights, batchSize }: CodecOptions): Promise<Encoder> {
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const program = await engine.compile(
    (inputs) => ({ codes: encodeCodes(paramTree(vitVqganSpec(model), inputs), model, inputs["images"]!) }),
    { name: "encode", inputs: { images: { dtype: "float32", shape } }, constants: weights },
  );
  return {
    encode: async (images) => {
      const count = (images.length / elements(shape)) * batchSize;
      const codes = new Int32Array(Math.round(count) * codesPerImage(model));
      await inBatches(images, elements(shape), async (batch, at) => {
        const results = await program.run({ images: { dtype: "float32", shape, data: batch } });
        put(codes, results["codes"]!.data, at * batchSize * codesPerImage(model));
      });
      return codes;
    },
    close: () => program.dispose(),
  };
}

/** Compiles the decoder of a tokenizer. */
export async function createDecoder({ engine, model, weights, batchSize }: CodecOptions): Promise<Decoder> {
  const shape = [batchSize, codesPerImage(model)];
  const pixels = model.imageSize ** 2 * model.channels;
  const program: Program = await engine.compile(
    (inputs) => ({ images: decodeCodes(paramTree(vitVqganSpec(model), inputs), model, inputs["codes"]!) }),
    { name: "decode", inputs: { codes: { dtype: "int32", shape } }, constants: weights },
  );
  return {
    decode: async (codes) => {
      const images = new Float32Array((codes.length / codesPerImage(model)) * pixels);
      await inBatches(codes, elements(shape), async (batch, at) => {
        const results = await program.run({ codes: { dtype: "int32", shape, data: batch } });
        put(images, results["images"]!.data, at * batchSize * pixels);
      });
      return images;
    },
    close: () => program.dispose(),
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

function codesPerImage(model: VitVqganConfig): number {
  const [rows, columns] = tokenGrid(model);
  return rows * columns;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
