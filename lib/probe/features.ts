/** Features of images: what the blocks of a frozen VIM make of their codes. */
import * as tf from "@tensorflow/tfjs";
import type { Engine, NamedHostTensors, NamedTensors } from "../engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimForward, vimSpec } from "../models/vim.js";
import { paramTree } from "../nn/params.js";

export type FeatureOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Which features: 1..depth for the output of that block, 0 for the embeddings that the first one takes. */
  readonly blocks: readonly number[];
  /** Images in one run of the graph; more are cut up, fewer padded. */
  readonly batchSize: number;
};

export type FeatureExtractor = {
  /** Features [N, D] of codes [N, T], for each of `blocks` in their order. */
  extract(codes: Int32Array): Promise<Float32Array[]>;
  close(): Promise<void>;
};

/**
 * Compiles the features of some blocks: the mean of the block's tokens over all T positions, without dropout. Every
 * image is shown as one of no class, so that its class cannot reach its features.
 *
 * A model without a start token for that is given the mean of its classes' tokens.
 *
 * The embeddings (block 0) come without positions: these are the same in every image, and a constant changes no
 * standardized feature.
 * Source: Yu et al. 2021, arXiv:2110.04627, the linear probe of Table 7, which pools one block in the middle.
 * @throws RangeError when a block is not among 0..depth
 */
export async function createFeatureExtractor(options: FeatureOptions): Promise<FeatureExtractor> {
  const { engine, blocks, batchSize } = options;
  const { model, weights } = withNeutralStart(options.model, options.weights);
  const wrong = blocks.find((block) => !Number.isInteger(block) || block < 0 || block > model.depth);
  if (wrong !== undefined) throw new RangeError(`features: want blocks from 0 to ${model.depth}, got ${wrong}`);
  const T = sequenceLength(model);
  const program = await engine.compile((inputs) => pooledBlocks(model, inputs, blocks), {
    name: "features",
    inputs: { imageCodes: { dtype: "int32", shape: [batchSize, T] }, classIds: { dtype: "int32", shape: [batchSize] } },
    constants: weights,
  });
  const classIds = {
    dtype: "int32",
    shape: [batchSize],
    data: new Int32Array(batchSize).fill(noClass(model)),
  } as const;
  return {
    async extract(codes) {
      const rows = codes.length / T;
      if (!Number.isInteger(rows)) throw new RangeError(`features: want rows of ${T} codes, got ${codes.length} codes`);
      const features = blocks.map(() => new Float32Array(rows * model.dim));
      for (let from = 0; from < rows; from += batchSize) {
        const batch = new Int32Array(batchSize * T);
        batch.set(codes.subarray(from * T, (from + batchSize) * T));
        const results = await program.run({
          imageCodes: { dtype: "int32", shape: [batchSize, T], data: batch },
          classIds,
        });
        const count = Math.min(batchSize, rows - from) * model.dim;
        for (const [i, block] of blocks.entries())
          features[i]!.set(results[nameOf(block)]!.data.subarray(0, count), from * model.dim);
      }
      return features;
    },
    close: () => program.dispose(),
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

/** The model with a start token of no class: what the start tokens of its classes have in common. */
function withNeutralStart(model: VimConfig, weights: NamedHostTensors): Pick<FeatureOptions, "model" | "weights"> {
  const { classes, dim, classless = true } = model;
  if (classless) return { model, weights };
  const tokens = weights["classes"]!.data; // [classes, D]
  const data = new Float32Array(tokens.length + dim);
  data.set(tokens);
  for (let i = 0; i < tokens.length; i++) data[tokens.length + (i % dim)]! += tokens[i]! / classes;
  const extended = { dtype: "float32", shape: [classes + 1, dim], data } as const;
  return { model: { ...model, classless: true }, weights: { ...weights, classes: extended } };
}

const nameOf = (block: number): string => `block${block}`;

/** Mean over positions of each block's tokens, [B, D] each, by name. */
function pooledBlocks(model: VimConfig, inputs: NamedTensors, blocks: readonly number[]): NamedTensors {
  const params = paramTree(vimSpec(model), inputs);
  const codes = inputs["imageCodes"]!; // "codes" is the name of their embeddings
  const classIds = inputs["classIds"]!;
  const outputs = vimForward(params, model, { classIds, codes }).blocks;
  const tokensOf = (block: number): tf.Tensor => outputs[block - 1] ?? embeddings(params, { classIds, codes });
  return Object.fromEntries(blocks.map((block) => [nameOf(block), tf.mean(tokensOf(block), 1)]));
}

type Embedded = { readonly classes: tf.Tensor; readonly codes: tf.Tensor };

/** The start token and all codes but the last, as VIM sees them less their positions, [B, T, D]. */
function embeddings(params: Embedded, { classIds, codes }: { classIds: tf.Tensor; codes: tf.Tensor }): tf.Tensor {
  const start = tf.expandDims(tf.gather(params.classes, classIds), 1);
  const seen = codes.shape[1]! - 1;
  if (seen === 0) return start;
  return tf.concat([start, tf.gather(params.codes, tf.slice(codes, [0, 0], [-1, seen]))], 1);
}
