/** Features of images: what the blocks of a frozen VIM make of their codes. */
import { type BlocksOfVim, compileOnCodes, pooledName } from "./codeProgram.js";

/** Whose features, and most images in one run of the graph. */
export type FeatureOptions = BlocksOfVim & { readonly batchSize: number };

export type FeatureExtractor = {
  /** Features [N, D] of codes [N, T], for each of `blocks` in their order. */
  extract(codes: Int32Array): Promise<Float32Array[]>;
  close(): Promise<void>;
};

/**
 * Compiles the features of some blocks: the mean of the block's tokens over all T positions, without dropout. Every
 * image is shown as one of no class, so that its class cannot reach its features.
 *
 * The embeddings (block 0) come without positions: these are the same in every image, and a constant changes no
 * standardized feature.
 * Source: Yu et al. 2021, arXiv:2110.04627, the linear probe of Table 7, which pools one block in the middle.
 * @throws RangeError when a block is not among 0..depth
 */
export async function createFeatureExtractor(options: FeatureOptions): Promise<FeatureExtractor> {
  const { blocks } = options;
  const program = await compileOnCodes({ ...options, name: "features", step: (pooled) => pooled });
  return {
    async extract(codes) {
      const results = await program.run(codes);
      return blocks.map((block) => results[pooledName(block)] ?? new Float32Array(0));
    },
    close: program.close,
  };
}

/** Rows of codes that can be read in order, as a token file is. */
export type CodeRows = {
  readonly count: number;
  /** Codes of rows `from .. from + count - 1`, [count * T]. */
  readRange(from: number, count: number): Promise<Int32Array> | Int32Array;
};

export type ExtractAllOptions = {
  readonly extractor: FeatureExtractor;
  readonly rows: CodeRows;
  /** Rows read at once. */
  readonly batchSize: number;
  readonly onProgress?: (images: number) => void;
};

/** Features [N, D] of all rows, block by block, of which only they are kept in memory: N * D floats a block. */
export async function extractAll({
  extractor,
  rows,
  batchSize,
  onProgress,
}: ExtractAllOptions): Promise<Float32Array[]> {
  let all: Float32Array[] = [];
  for (let from = 0; from < rows.count; from += batchSize) {
    const count = Math.min(batchSize, rows.count - from);
    const features = await extractor.extract(await rows.readRange(from, count));
    if (from === 0) all = features.map(({ length }) => new Float32Array((length / count) * rows.count));
    for (const [i, some] of features.entries()) all[i]!.set(some, from * (some.length / count));
    onProgress?.(from + count);
  }
  return all;
}
