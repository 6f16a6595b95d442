/**
 * VIM, vector-quantized image modeling: a decoder-only Transformer over the codes of an image in raster order.
 * Source: Yu et al. 2021, arXiv:2110.04627, section 4. Where the paper is silent: positions are the sum of a learned row
 * and a learned column vector, and unconditional sequences start from a learned token, which also means "no class".
 * Under the options of foreign/portPrior.ts it is the stage 2 of the public PyTorch port.
 */
import * as tf from "@tensorflow/tfjs";
import { type BlockCache, type BlockConfig, type BlockOptions, block, blockSpec } from "../nn/block.js";
import { cachedAttention, type KvCache } from "../nn/cachedAttention.js";
import { dense, denseSpec } from "../nn/dense.js";
import { dotProductAttention } from "../nn/dotProductAttention.js";
import type { Dropout } from "../nn/dropout.js";
import { expectShape } from "../nn/expectShape.js";
import { layerNorm } from "../nn/layerNorm.js";
import { normSpec } from "../nn/normSpec.js";
import type { Init, ParamSpec, ParamsOf } from "../nn/params.js";
import { tokensBefore } from "../nn/tokenShift.js";

export type VimConfig = BlockConfig & {
  readonly depth: number;
  /** Code grid [rows, columns]; a sequence has rows * columns codes. */
  readonly grid: readonly [number, number];
  /** Codebook size K. */
  readonly vocabulary: number;
  /** Number of classes; 0 for an unconditional model. */
  readonly classes: number;
  readonly positions: "rowcol" | "learned";
  /** Whether the start token has a position of its own; no when absent. */
  readonly startPosition?: boolean;
  /** Whether there is a start token for sequences without a class; yes when absent. */
  readonly classless?: boolean;
  /** Whether the map to logits has a bias; yes when absent. */
  readonly headBias?: boolean;
};

const INIT_STD = 0.02;
const NORMAL: Init = { kind: "normal", std: INIT_STD };

/** All parameters of VIM. The last class embedding is the start token of sequences without a class, if there is one. */
export function vimSpec(config: VimConfig) {
  const { dim, vocabulary, classes, grid, depth, classless = true, headBias = true } = config;
  const table = (rows: number): ParamSpec => ({ shape: [rows, dim], init: NORMAL, decay: false });
  return {
    codes: table(vocabulary),
    classes: table(classless ? classes + 1 : classes),
    positions: {
      ...(config.positions === "rowcol"
        ? { rows: table(grid[0]), columns: table(grid[1]) }
        : { all: table(grid[0] * grid[1]) }),
      ...(config.startPosition ? { start: table(1) } : {}),
    } as PositionSpec,
    blocks: Array.from({ length: depth }, () => blockSpec({ initStd: INIT_STD, ...config })),
    norm: normSpec(dim),
    head: denseSpec(dim, vocabulary, { init: NORMAL, bias: headBias }),
  };
}

type PositionSpec = { readonly [table in "rows" | "columns" | "all" | "start"]?: ParamSpec };

export type VimParams = ParamsOf<ReturnType<typeof vimSpec>>;

/** Length of a sequence: codes per image. */
export function sequenceLength({ grid }: Pick<VimConfig, "grid">): number {
  return grid[0] * grid[1];
}

/**
 * The class id that stands for "no class".
 * @throws RangeError when the model has none
 */
export function noClass({ classes, classless = true }: Pick<VimConfig, "classes" | "classless">): number {
  if (!classless) throw new RangeError("vim: the model has no start token for sequences without a class");
  return classes;
}

export type VimForward = {
  /** Next-code logits for every position, [B, T, K]. */
  readonly logits: tf.Tensor;
  /** Output of every block, [B, T, D] each. */
  readonly blocks: readonly tf.Tensor[];
};

export type VimInputs = {
  readonly classIds: tf.Tensor;
  readonly codes: tf.Tensor;
  readonly dropout?: Dropout;
  /** Whether blocks are computed again for the gradient instead of keeping what they made. */
  readonly recompute?: boolean;
};

/**
 * Teacher-forced pass: position t sees the class and the codes before t, and predicts code t.
 * @param classIds int32 [B] in 0..classes (`noClass` for none)
 * @param codes int32 [B, T]; the last one is only a target
 */
export function vimForward(
  params: VimParams,
  config: VimConfig,
  { classIds, codes, dropout, recompute = false }: VimInputs,
): VimForward {
  expectShape("vim: codes", codes, [null, sequenceLength(config)]);
  const { x, outputs } = run(params, config, sequence(params, config, classIds, codes), (index) => ({
    causal: true,
    recompute,
    ...(dropout ? { dropout: { ...dropout, block: index } } : {}),
  }));
  return { logits: dense(params.head, layerNorm(params.norm, x)), blocks: outputs };
}

export type VimStep = {
  /** Logits of the next code, [B, K]. */
  readonly logits: tf.Tensor;
  /** Key and value of every new position, by block, each [B, heads, S, d]. */
  readonly cache: readonly KvCache[];
  /** What a token shift mixes into the position after the last, by block, each [B, 1, D]; none without a shift. */
  readonly last: readonly tf.Tensor[];
};

/**
 * First pass of sampling: class and S - 1 given codes, logits of code S - 1.
 * @param classIds int32 [B]
 * @param codes int32 [B, S - 1], absent when nothing but the class is given
 */
export function vimPrefill(
  params: VimParams,
  config: VimConfig,
  { classIds, codes }: { classIds: tf.Tensor; codes?: tf.Tensor },
): VimStep {
  const start = startToken(params, classIds);
  const tokens = codes ? tf.concat([start, embedCodes(params, config, codes)], 1) : start;
  const cache: KvCache[] = [];
  const last: tf.Tensor[] = [];
  const filling: BlockCache = {
    mix: (q, k, v) => {
      cache.push({ k, v });
      return dotProductAttention(q, k, v, { causal: true });
    },
    before: (u) => {
      last.push(lastToken(u));
      return tokensBefore(u);
    },
  };
  const { x } = run(params, config, tokens, () => ({ cache: filling }));
  return { logits: nextLogits(params, lastToken(x)), cache, last };
}

export type VimStepInputs = {
  readonly code: tf.Tensor;
  readonly position: tf.Tensor;
  /** Classes of sequences that the step may begin. */
  readonly classIds?: tf.Tensor | undefined;
  readonly past: readonly KvCache[];
  readonly mask: tf.Tensor;
  readonly last?: readonly tf.Tensor[];
};

/**
 * One further position of sampling: reads the cache, returns the logits of the next code and the new cache rows.
 * @param code int32 [B], the code drawn last
 * @param position int32 [1], its index in 0..T-2, or -1 where there is none and `classIds` begin a sequence
 * @param classIds int32 [B], read at position -1 alone; absent where sequences are begun by `vimPrefill`
 * @param past keys and values so far by block, each [B, heads, C, d] with room for C positions
 * @param mask [C], 0 where those are filled and -Infinity elsewhere
 * @param last what the step before returned as `last`
 * @throws RangeError when there is a token shift and no `last`, which would take zeros for the token before
 */
export function vimStep(
  params: VimParams,
  config: VimConfig,
  { code, position, classIds, past, mask, last = [] }: VimStepInputs,
): VimStep {
  if (config.tokenShift && last.length !== config.depth)
    throw new RangeError(`vim: a token shift wants what ${config.depth} blocks had last, got ${last.length}`);
  const token = newestToken(params, config, { code, position, classIds });
  const cache: KvCache[] = [];
  const own: tf.Tensor[] = [];
  const reading = (index: number): BlockCache => ({
    mix: (q, k, v) => {
      cache.push({ k, v });
      return cachedAttention(q, k, v, { cache: past[index]!, mask });
    },
    before: (u) => {
      own.push(u);
      return last[index]!;
    },
  });
  const { x } = run(params, config, token, (index) => ({ cache: reading(index) }));
  return { logits: nextLogits(params, x), cache, last: own };
}

function run(params: VimParams, config: VimConfig, tokens: tf.Tensor, optionsOf: (index: number) => BlockOptions) {
  const outputs: tf.Tensor[] = [];
  let x = tokens;
  for (const [index, each] of params.blocks.entries()) {
    x = block(each, config, x, optionsOf(index));
    outputs.push(x);
  }
  return { x, outputs };
}

/** Class token followed by all codes but the last, [B, T, D]. */
function sequence(params: VimParams, config: VimConfig, classIds: tf.Tensor, codes: tf.Tensor): tf.Tensor {
  const T = sequenceLength(config);
  const start = startToken(params, classIds);
  if (T === 1) return start;
  return tf.concat([start, embedCodes(params, config, tf.slice(codes, [0, 0], [-1, T - 1]))], 1);
}

/** What sequences begin with, [B, 1, D]. */
function startToken({ classes, positions }: VimParams, classIds: tf.Tensor): tf.Tensor {
  const token = tf.expandDims(tf.gather(classes, classIds), 1);
  return positions.start ? tf.add(token, positions.start) : token;
}

/** [B, S, D] -> [B, 1, D]. */
function lastToken(x: tf.Tensor): tf.Tensor {
  return tf.slice(x, [0, x.shape[1]! - 1, 0], [-1, 1, -1]);
}

/** Embedding plus position of codes 0..S-1, [B, S, D]. */
function embedCodes(params: VimParams, config: VimConfig, codes: tf.Tensor): tf.Tensor {
  const S = codes.shape[1]!;
  const table = positionTable(params, config);
  return tf.add(tf.gather(params.codes, codes), tf.slice(table, [0, 0], [S, -1]));
}

function positionTable({ positions }: VimParams, { grid, dim }: VimConfig): tf.Tensor {
  if (positions.all) return positions.all;
  const rows = tf.expandDims(positions.rows!, 1); // [R, 1, D]
  const columns = tf.expandDims(positions.columns!, 0); // [1, C, D]
  return tf.reshape(tf.add(rows, columns), [grid[0] * grid[1], dim]);
}

/** What a step reads, [B, 1, D]: the code drawn last at its position, or before the first what sequences begin with. */
function newestToken(
  params: VimParams,
  config: VimConfig,
  { code, position, classIds }: Pick<VimStepInputs, "code" | "position" | "classIds">,
): tf.Tensor {
  const embedded = (at: tf.Tensor) =>
    tf.expandDims(tf.add(tf.gather(params.codes, code), tf.gather(positionTable(params, config), at)), 1);
  if (!classIds) return embedded(position);
  const first = tf.scalar(0, "int32");
  return tf.where(tf.less(position, first), startToken(params, classIds), embedded(tf.maximum(position, first)));
}

function nextLogits(params: VimParams, last: tf.Tensor): tf.Tensor {
  const [B, , D] = last.shape as [number, number, number];
  return dense(params.head, layerNorm(params.norm, tf.reshape(last, [B, D])));
}
