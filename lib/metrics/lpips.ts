import { type BatchPlan, compileBatched } from "../engine/batched.js";
import type { Engine, NamedHostTensors, Step, TensorSpec } from "../engine/types.js";
import { type PerceptualConfig, perceptualDistances, perceptualSpec } from "../losses/perceptual.js";
import { VGG16, type Vgg16Config } from "../models/vgg16.js";
import { paramTree } from "../nn/params.js";
import { sameShape } from "../shapes.js";
import { expectImagePair, type ImagePair } from "./imagePair.js";

export type LpipsOptions = {
  readonly engine: Engine;
  /** By our names, as `perceptualWeights` gives them. */
  readonly weights: NamedHostTensors;
  /** The published network if absent. */
  readonly vgg?: Vgg16Config;
  /** Of all images that will be measured; sides of 16 pixels or more. */
  readonly imageShape: readonly [H: number, W: number, C: 1 | 3];
  /** Most pairs in one run of the graph. */
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
  const step: Step = (inputs) => {
    const params = paramTree(perceptualSpec(config), inputs);
    const pair = { images: inputs["images"]!, reconstructions: inputs["reconstructions"]! };
    return { distances: perceptualDistances(params, pair) };
  };
  const plan: BatchPlan = (B) => {
    const images: TensorSpec = { dtype: "float32", shape: [B, ...imageShape] };
    return { step, options: { name: "lpips", inputs: { images, reconstructions: images }, constants: weights } };
  };
  const { run, close } = await compileBatched({ engine, plan, items: ["images", "reconstructions"], most: batchSize });
  return {
    async measure(pair) {
      expectImagePair("lpips", pair);
      expectSize(pair, imageShape);
      const { distances = [] } = await run({ images: pair.originals, reconstructions: pair.reconstructions });
      return Float64Array.from(distances);
    },
    close,
  };
}

function expectSize({ shape: [, ...got] }: ImagePair, wanted: readonly number[]): void {
  if (!sameShape(wanted, got))
    throw new RangeError(`lpips: want images of [${wanted.join(", ")}], got [${got.join(", ")}]`);
}
