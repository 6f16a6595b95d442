/** Features of image sets by the Inception network: what FID and Inception Score are computed from. */
import type { ImageBatch } from "../data/batches.js";
import { type BatchPlan, compileBatched } from "../engine/batched.js";
import type { Engine, NamedHostTensors, Step, TensorSpec } from "../engine/types.js";
import { INCEPTION_FEATURES, type InceptionProtocol, inceptionFeatures, inceptionSpec } from "../models/inception.js";
import { paramTree } from "../nn/params.js";
import { sizeOf } from "../shapes.js";
import { countMoments, type Moments } from "./featureMoments.js";

export type InceptionExtractorOptions = {
  readonly engine: Engine;
  /** Parameters by name (`readInception`). */
  readonly params: NamedHostTensors;
  readonly protocol: InceptionProtocol;
  /** Size of the images, which are all alike; 1 or 3 channels. */
  readonly image: { readonly height: number; readonly width: number; readonly channels: number };
  /** Most images in one run of the graph. */
  readonly batchSize: number;
};

/** Features of some images, in their order. */
export type ExtractedFeatures = {
  /** [N, 2048] */
  readonly pooled: Float32Array;
  /** Logits without bias, [N, 1008]. */
  readonly logits: Float32Array;
};

export type InceptionExtractor = {
  /**
   * Features of images [N, H, W, C] in [0, 1], any N.
   * @throws RangeError when they are no whole images
   */
  extract(images: Float32Array): Promise<ExtractedFeatures>;
  close(): Promise<void>;
};

/** Compiles the network for images of one size, with its weights as constants. */
export async function createInceptionExtractor(options: InceptionExtractorOptions): Promise<InceptionExtractor> {
  const { engine, params, protocol, image, batchSize } = options;
  const shape = [image.height, image.width, image.channels];
  const each = sizeOf(shape);
  const step: Step = (inputs) => {
    const network = paramTree(inceptionSpec(), inputs);
    const { pooled, logitsWithoutBias } = inceptionFeatures(network, protocol, inputs["images"]!);
    return { pooled, logits: logitsWithoutBias };
  };
  const plan: BatchPlan = (B) => {
    const images: TensorSpec = { dtype: "float32", shape: [B, ...shape] };
    return { step, options: { name: "inception", inputs: { images }, constants: params } };
  };
  const { run, close } = await compileBatched({ engine, plan, items: ["images"], most: batchSize });
  return {
    async extract(images) {
      if (images.length % each !== 0)
        throw new RangeError(`inception: want images of ${shape.join("x")}, got ${images.length} values`);
      const nothing = { pooled: new Float32Array(0), logits: new Float32Array(0) };
      return { ...nothing, ...(await run({ images })) } as ExtractedFeatures;
    },
    close,
  };
}

/** A set of images by its features. */
export type SetFeatures = {
  /** Of the pooled features. */
  readonly moments: Moments;
  /** Logits without bias of every image, [N, 1008]; 4 kB an image. */
  readonly logits: Float32Array;
};

/** Gathers features batch by batch. */
export type FeatureCollector = {
  add(features: ExtractedFeatures): void;
  /** @throws RangeError when fewer than two images were added */
  result(): SetFeatures;
};

/** A collector, for sets whose images come from somewhere else than a source, as reconstructions do. */
export function collectFeatures(): FeatureCollector {
  const counter = countMoments(INCEPTION_FEATURES);
  const parts: Float32Array[] = [];
  return {
    add({ pooled, logits }) {
      counter.add(pooled);
      parts.push(logits);
    },
    result() {
      const logits = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        logits.set(part, at);
        at += part.length;
      }
      return { moments: counter.result(), logits };
    },
  };
}

export type ExtractSetOptions = {
  readonly extractor: InceptionExtractor;
  readonly batches: AsyncIterable<Pick<ImageBatch, "images" | "labels">>;
  readonly onProgress?: (images: number) => void;
};

/**
 * Features of a whole set, one batch in memory at a time.
 * @throws RangeError when it has fewer than two images
 */
export async function extractSet({ extractor, batches, onProgress }: ExtractSetOptions): Promise<SetFeatures> {
  const collector = collectFeatures();
  let images = 0;
  for await (const batch of batches) {
    collector.add(await extractor.extract(batch.images));
    images += batch.labels.length;
    onProgress?.(images);
  }
  return collector.result();
}
