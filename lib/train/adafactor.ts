/**
 * Adafactor on typed arrays, in place: AdamW with a second moment of one number for each row and each column of a matrix
 * in place of one a weight, and a first moment in 8 bits. It keeps about an eighth of what AdamW does.
 *
 *     R = b2 R + (1 - b2) mean over a row of (g^2 + eps),   C likewise over a column,   V = R C / mean R
 *     u = g / sqrt V,   u = u / max(1, rms(u) / d),   m = b1 m + (1 - b1) u,   w = w - lr (m / (1 - b1^t) + wd w)
 *
 * Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithm 4, with means for its sums, without its relative step. The
 * moment in 8 bits is VIM's (Yu et al. 2021, arXiv:2110.04627, section 4: beta1 0.9, beta2 0.96). VIM's paper says no
 * more than that; where the moment stands, after scaling and clipping, is as in public code of its authors' colleagues
 * (praxis). There the first moment is not corrected for its bias; here it is, so that a run without warm-up starts as
 * AdamW's does.
 */
import type { NamedHostTensors } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { sizeOf } from "../shapes.js";
import { BLOCK, blocksBytes, roundBlock, valuesOf, zeroBlocks } from "./int8Blocks.js";
import { floatsOf, type UpdateCost, type UpdateOptions, type UpdateRule, zerosOf } from "./updateRule.js";

export type AdafactorOptions = {
  readonly beta1: number;
  /** Constant, then corrected for the bias as Adam's is; or `1 - t^-0.8` at update t. */
  readonly beta2: number | "power";
  /** d: largest root mean square of a parameter's update before the rate, 1 in algorithm 6; or 0 for none. */
  readonly updateClip: number;
  /** Decoupled: weights shrink by `lr * weightDecay` a step, where their spec says so. */
  readonly weightDecay: number;
};

const EPSILON = 1e-30; // algorithm 6, eps_1
const EXPONENT = 0.8; // algorithm 6

/** A parameter's part in `movedBytes`: measured as 2.2 and 1.9 times the time of AdamW, which moves 28 bytes. */
const [CLIPPED_BYTES, UNCLIPPED_BYTES] = [60, 52];

/** What is kept of parameters, which count as matrices: all axes but the last are rows, and a vector is one row. */
type State = {
  /** R, [rows]. */
  readonly rows: NamedHostTensors;
  /** C, [columns]: of a vector, the whole second moment. */
  readonly columns: NamedHostTensors;
  /** q of the first moment, packed, and its scales (`Int8Blocks`). */
  readonly first: NamedHostTensors;
  readonly scales: NamedHostTensors;
};

/** Of one parameter. */
type Moments = {
  readonly rowMeans: Float32Array;
  readonly columnMeans: Float32Array;
  readonly first: { readonly values: Int8Array; readonly scales: Float32Array };
};

/** Adafactor over `params`, which it changes in place, from moments of zero. */
export function adafactorRule(
  params: NamedHostTensors,
  specs: Readonly<Record<string, ParamSpec>>,
  options: AdafactorOptions,
): UpdateRule {
  const state = zeroState(params);
  return {
    state,
    update: (gradients, update) => {
      for (const [name, { decay }] of Object.entries(specs)) {
        const arrays = {
          weights: floatsOf(params, name),
          gradient: floatsOf(gradients, name),
          moments: momentsOf(state, name),
        };
        updateTensor(arrays, { ...options, ...update, weightDecay: decay ? options.weightDecay : 0 });
      }
    },
    forget: (name, from, to) => momentsOf(state, name).first.values.fill(0, from, to),
  };
}

/** What `adafactorRule` keeps and takes: its arithmetic outweighs its traffic, of 22 bytes a parameter. */
export function adafactorCost(
  specs: Readonly<Record<string, ParamSpec>>,
  { updateClip }: Pick<AdafactorOptions, "updateClip">,
): UpdateCost {
  let [stateBytes, movedBytes] = [0, 0];
  for (const { shape } of Object.values(specs)) {
    const { rows, columns } = asMatrix(shape);
    stateBytes += blocksBytes(rows, columns) + 4 * (rows + columns);
    movedBytes += rows * columns * (updateClip > 0 ? CLIPPED_BYTES : UNCLIPPED_BYTES);
  }
  return { stateBytes, movedBytes };
}

/** The decay of the second moment at update `step`, from 1; a constant one subsumes Adam's correction. */
export function secondDecayAt(step: number, beta2: AdafactorOptions["beta2"]): number {
  if (beta2 === "power") return 1 - step ** -EXPONENT;
  return (beta2 * (1 - beta2 ** (step - 1))) / (1 - beta2 ** step);
}

type Arrays = { weights: Float32Array; gradient: Float32Array; moments: Moments };

function updateTensor({ weights, gradient, moments }: Arrays, options: AdafactorOptions & UpdateOptions): void {
  const { gradientScale, updateClip, step } = options;
  observe(gradient, moments, { gradientScale, decay: secondDecayAt(step, options.beta2) });
  const factors = inverseRoots(moments, gradientScale);
  const excess = updateClip > 0 ? rootMeanSquare(gradient, factors) / updateClip : 0;
  if (excess > 1) for (let i = 0; i < factors.rows.length; i++) factors.rows[i]! /= excess;
  descend({ weights, gradient, moments }, factors, options);
}

/** Takes g^2 into R and C. */
function observe(
  gradient: Float32Array,
  { rowMeans, columnMeans }: Moments,
  { gradientScale, decay }: { gradientScale: number; decay: number },
): void {
  const [rows, columns] = [rowMeans.length, columnMeans.length];
  const columnSums = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++, at += columns) {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      const g = gradient[at + j]! * gradientScale;
      sum += g * g;
      columnSums[j]! += g * g;
    }
    rowMeans[i] = decay * rowMeans[i]! + (1 - decay) * (sum / columns + EPSILON);
  }
  for (let j = 0; j < columns; j++)
    columnMeans[j] = decay * columnMeans[j]! + (1 - decay) * (columnSums[j]! / rows + EPSILON);
}

/** `u_ij = rows_i columns_j g_ij`. */
type Factors = { readonly rows: Float64Array; readonly columns: Float64Array };

function inverseRoots({ rowMeans, columnMeans }: Moments, gradientScale: number): Factors {
  const mean = rowMeans.reduce((sum, one) => sum + one, 0) / rowMeans.length;
  return {
    rows: Float64Array.from(rowMeans, (one) => gradientScale * Math.sqrt(mean / one)),
    columns: Float64Array.from(columnMeans, (one) => 1 / Math.sqrt(one)),
  };
}

/** Of u. */
function rootMeanSquare(gradient: Float32Array, { rows, columns }: Factors): number {
  const width = columns.length;
  let total = 0;
  for (let i = 0, at = 0; i < rows.length; i++, at += width) {
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const u = gradient[at + j]! * columns[j]!;
      sum += u * u;
    }
    total += sum * rows[i]! * rows[i]!;
  }
  return Math.sqrt(total / gradient.length);
}

/** Moves the first moment and the weights, block by block: a block's scale is known when all of it is. */
function descend(
  { weights, gradient, moments }: Arrays,
  factors: Factors,
  { beta1, weightDecay, rate, step }: AdafactorOptions & UpdateOptions,
): void {
  const { values, scales } = moments.first;
  const columns = moments.columnMeans.length;
  const correctedRate = rate / (1 - beta1 ** step);
  const keep = 1 - rate * weightDecay;
  const block = new Float64Array(BLOCK);
  let [row, from] = [0, 0];
  for (let b = 0; b < scales.length; b++) {
    const count = Math.min(BLOCK, columns - from);
    const at = row * columns + from;
    const [kept, added] = [beta1 * scales[b]!, (1 - beta1) * factors.rows[row]!];
    let largest = 0;
    for (let j = 0; j < count; j++) {
      const m = kept * values[at + j]! + added * factors.columns[from + j]! * gradient[at + j]!;
      block[j] = m;
      if (Math.abs(m) > largest) largest = Math.abs(m);
      weights[at + j] = weights[at + j]! * keep - correctedRate * m;
    }
    scales[b] = roundBlock(block, { count, largest }, values, at);
    from += count;
    if (from === columns) [row, from] = [row + 1, 0];
  }
}

function zeroState(params: NamedHostTensors): State {
  const state: State = { rows: {}, columns: {}, first: {}, scales: {} };
  for (const [name, { shape }] of Object.entries(params)) {
    const { rows, columns } = asMatrix(shape);
    const { packed, scales } = zeroBlocks(rows, columns);
    state.rows[name] = zerosOf([rows]);
    state.columns[name] = zerosOf([columns]);
    state.first[name] = packed;
    state.scales[name] = scales;
  }
  return state;
}

/** @throws RangeError when there is no such parameter */
function momentsOf({ rows, columns, first, scales }: State, name: string): Moments {
  const packed = first[name];
  if (!packed) throw new RangeError(`${name} has no first moment`);
  return {
    rowMeans: floatsOf(rows, name),
    columnMeans: floatsOf(columns, name),
    first: { values: valuesOf({ packed }), scales: floatsOf(scales, name) },
  };
}

function asMatrix(shape: readonly number[]): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: sizeOf(shape.slice(0, -1)), columns };
}
