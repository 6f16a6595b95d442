/** The linear probe, block by block. */
import { type CodeRows, createFeatureExtractor, extractAll, type FeatureOptions } from "./features.js";
import { type FittedProbe, type LinearProbe, type LinearProbeOptions, linearProbe } from "./linearProbe.js";

/** Codes of images and the images' class ids [N]. */
export type LabelledCodes = {
  readonly rows: CodeRows;
  readonly labels: Int32Array;
  /** Rows an image has, one after the other; 1 unless given. */
  readonly views?: number | undefined;
};

export type SweepOptions = FeatureOptions &
  Pick<LinearProbeOptions, "classes" | "l2" | "fractions" | "seed"> & {
    readonly train: LabelledCodes;
    readonly test: LabelledCodes;
    /** Rows whose features are there, out of those of both sets. */
    readonly onFeatures?: (rows: number) => void;
    /** A block is done. */
    readonly onBlock?: (result: BlockProbe) => void;
  };

/** What a linear classifier gets out of a block; 0 stands for the embeddings that the first block takes. */
export type BlockProbe = { readonly block: number } & LinearProbe;

/** All blocks in the order given, and what made the best of them. */
export type Sweep = {
  readonly blocks: readonly BlockProbe[];
  readonly best: Omit<FittedProbe, "probe"> & { readonly probe: BlockProbe };
};

/**
 * Probes each block, in the order given; features of all of them are held in memory.
 * @throws RangeError as `createFeatureExtractor` and `linearProbe`, also when a feature is not finite or blocks are none
 */
export async function sweepBlocks(options: SweepOptions): Promise<Sweep> {
  const { train, test, blocks, onBlock } = options;
  const features = await featuresOf(options);
  const results: BlockProbe[] = [];
  let best: Sweep["best"] | undefined;
  for (const [i, block] of blocks.entries()) {
    const fitted = await linearProbe({
      ...options,
      train: { ...train, features: features.train[i]! },
      test: { ...test, features: features.test[i]! },
    });
    const probe = { block, ...fitted.probe };
    results.push(probe);
    if (!best || probe.top1 > best.probe.top1) best = { ...fitted, probe };
    onBlock?.(probe);
  }
  if (!best) throw new RangeError("sweep: want at least one block, got none");
  return { blocks: results, best };
}

async function featuresOf(options: SweepOptions) {
  const { train, test, batchSize, onFeatures } = options;
  const extractor = await createFeatureExtractor(options);
  try {
    const of = ({ rows }: LabelledCodes, before: number) =>
      extractAll({ extractor, rows, batchSize, onProgress: (done) => onFeatures?.(before + done) });
    return { train: await of(train, 0), test: await of(test, train.rows.count) };
  } finally {
    await extractor.close();
  }
}
