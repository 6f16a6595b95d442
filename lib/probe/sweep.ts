/** The linear probe, block by block. */
import { type CodeRows, createFeatureExtractor, extractAll, type FeatureOptions } from "./features.js";
import { type LinearProbe, linearProbe } from "./linearProbe.js";

/** Codes of images and the images' class ids [N]. */
export type LabelledCodes = { readonly rows: CodeRows; readonly labels: Int32Array };

export type SweepOptions = FeatureOptions & {
  readonly train: LabelledCodes;
  readonly test: LabelledCodes;
  readonly classes: number;
  /** As of `linearProbe`; chosen for each block unless given. */
  readonly l2?: number | undefined;
  readonly seed: number;
  /** Images whose features are there, out of those of both sets. */
  readonly onFeatures?: (images: number) => void;
  /** A block is done. */
  readonly onBlock?: (result: BlockProbe) => void;
};

/** What a linear classifier gets out of a block; 0 stands for the embeddings that the first block takes. */
export type BlockProbe = { readonly block: number } & LinearProbe;

/**
 * Probes each block, in the order given; features of all of them are held in memory.
 * @throws RangeError as `createFeatureExtractor` and `linearProbe`, also when a feature is not finite
 */
export async function sweepBlocks(options: SweepOptions): Promise<BlockProbe[]> {
  const { train, test, blocks, onBlock } = options;
  const features = await featuresOf(options);
  const results: BlockProbe[] = [];
  for (const [i, block] of blocks.entries()) {
    const result = await linearProbe({
      ...options,
      train: { features: features.train[i]!, labels: train.labels },
      test: { features: features.test[i]!, labels: test.labels },
    });
    results.push({ block, ...result });
    onBlock?.({ block, ...result });
  }
  return results;
}

async function featuresOf(options: SweepOptions) {
  const { train, test, batchSize, onFeatures } = options;
  const extractor = await createFeatureExtractor(options);
  try {
    const of = ({ rows }: LabelledCodes, before: number) =>
      extractAll({ extractor, rows, batchSize, onProgress: (images) => onFeatures?.(before + images) });
    return { train: await of(train, 0), test: await of(test, train.rows.count) };
  } finally {
    await extractor.close();
  }
}
