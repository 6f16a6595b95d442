import type { Engine, HostTensor, NamedHostTensors } from "../engine/types.js";
import { type PerceptualConfig, perceptualDistances, perceptualSpec } from "../losses/perceptual.js";
import { VGG16, type Vgg16Config } from "../models/vgg16.js";
import { paramTree } from "../nn/params.js";
import { sameShape, sizeOf } from "../shapes.js";
import { expectImagePair, type ImagePair } from "./imagePair.js";

export type LpipsOptions = {
  readonly engine: Engine;
  /** By our names, as `perceptualWeights` gives them. */
  readonly weights: NamedHostTensors;
  /** The published network if absent. */
  readonly vgg?: Vgg16Config;
  /** Of all images that will be measured; sides of 16 pixels or more. */
  readonly imageShape: readonly [H: number, W: number, C: 1 | 3];
  /** Pairs in one run of the graph; more are cut up, fewer padded. */
  readonly batchSize: number;
};

export type Lpips = {
  /**
   * LPIPS of each pair, [B]: 0 for equal images, larger the more different they look.
   * @throws RangeError when the data do not fit the shape, or the shape is not that of `imageShape`
   */
  measure(pair: ImagePair): Promise<Float64Array>;
  close(): Promise<void>;
};

/**
 * Compiles LPIPS 0.1 on VGG-16 (Zhang et al. 2018, arXiv:1801.03924) with its weights built into the graph.
 * @throws RangeError when a weight is missing or the images are too small
 */
export async function createLpips(options: LpipsOptions): Promise<Lpips> {
  const { engine, weights, vgg = VGG16, imageShape, batchSize } = options;
  const config: PerceptualConfig = { ...vgg, form: "lpips" };
  const shape = [batchSize, ...imageShape];
  const program = await engine.compile(
    (inputs) => {
      const params = paramTree(perceptualSpec(config), inputs);
      const pair = { images: inputs["images"]!, reconstructions: inputs["reconstructions"]! };
      return { distances: perceptualDistances(params, pair) };
    },
    {
      name: "lpips",
      inputs: { images: { dtype: "float32", shape }, reconstructions: { dtype: "float32", shape } },
      constants: weights,
    },
  );
  return {
    async measure(pair) {
      expectImagePair("lpips", pair);
      expectSize(pair, imageShape);
      const count = pair.shape[0];
      const distances = new Float64Array(count);
      for (let at = 0; at < count; at += batchSize) {
        const batch = (all: Float32Array) => batchFrom(all, { shape, at });
        const inputs = { images: batch(pair.originals), reconstructions: batch(pair.reconstructions) };
        const results = await program.run(inputs);
        distances.set(results["distances"]!.data.subarray(0, count - at), at);
      }
      return distances;
    },
    close: () => program.dispose(),
  };
}

function expectSize({ shape: [, ...got] }: ImagePair, wanted: readonly number[]): void {
  if (!sameShape(wanted, got))
    throw new RangeError(`lpips: want images of [${wanted.join(", ")}], got [${got.join(", ")}]`);
}

/** The images from `at` on, as many as a batch holds; what is missing stays black. */
function batchFrom(all: Float32Array, { shape, at }: { shape: readonly number[]; at: number }): HostTensor {
  const size = sizeOf(shape);
  const start = (at * size) / shape[0]!;
  const data = new Float32Array(size);
  data.set(all.subarray(start, start + size));
  return { dtype: "float32", shape, data };
}
