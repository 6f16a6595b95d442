/** The step of sampling that is timed: one code of every sequence, with the keys and values before it at hand. */
import type { NamedHostTensors, Program } from "../engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import { flattenSpecs, type ParamSpec } from "../nn/params.js";
import { rngFrom, uniformAt } from "../random.js";
import { mapNames } from "../records.js";
import { cachedStep, type SamplingStep } from "../sample/cachedSteps.js";
import { drawCode, PLAIN_SAMPLING } from "../sample/draw.js";
import { cacheNames, KvCaches, NEW } from "../sample/kvCaches.js";
import { sizeOf } from "../shapes.js";
import type { SamplingWork } from "./samplingBound.js";

/** A VIM over a square grid of codes; its MLPs are four times as wide as the tokens. */
export type PriorSize = {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly gridSide: number;
};

export type SamplingSize = PriorSize & {
  /** Sequences drawn together. */
  readonly batch: number;
  /** Positions whose keys and values are there already, the class's among them. */
  readonly filled: number;
};

export function samplingModel({ dim, depth, heads, vocabulary, gridSide }: PriorSize): VimConfig {
  const grid = [gridSide, gridSide] as const;
  return { dim, depth, heads, mlpDim: 4 * dim, grid, vocabulary, classes: 0, positions: "rowcol" };
}

export function samplingSpecs(size: PriorSize): Record<string, ParamSpec> {
  return flattenSpecs(vimSpec(samplingModel(size)));
}

/** The step that `sample` runs for every code of sequences that nothing is given of. */
export function samplingStep(size: SamplingSize): SamplingStep {
  return cachedStep(samplingModel(size), size.batch, { begins: true });
}

/** Keys and values of the positions before, [B, heads, filled, d], drawn from a normal distribution. */
export function randomRows(size: SamplingSize, seed: number): NamedHostTensors {
  const model = samplingModel(size);
  const shape = [size.batch, size.heads, size.filled, headWidth(model)];
  const rng = rngFrom(seed);
  const rows = () => Float32Array.from({ length: sizeOf(shape) }, () => rng.normal());
  return Object.fromEntries(cacheNames(model).map((name) => [name, { dtype: "float32", shape, data: rows() }]));
}

/** What the step is fed besides weights: the code drawn last at position `filled - 1`, caches that hold `rows`, and no class. */
export function samplingFeeds(size: SamplingSize, rows: NamedHostTensors): NamedHostTensors {
  const model = samplingModel(size);
  if (size.filled >= sequenceLength(model)) throw new RangeError(`sampling: no position after ${size.filled}`);
  const caches = new KvCaches(model, size.batch);
  caches.append(mapNames(rows, (name) => NEW + name));
  const code = Int32Array.from({ length: size.batch }, (_, b) => (b * 7) % size.vocabulary);
  return {
    code: { dtype: "int32", shape: [size.batch], data: code },
    classIds: { dtype: "int32", shape: [size.batch], data: new Int32Array(size.batch).fill(noClass(model)) },
    position: { dtype: "int32", shape: [1], data: Int32Array.of(size.filled - 1) },
    ...caches.views(),
  };
}

/**
 * Runs the step once, as `sample` does at temperature 1.
 * @param step compiled from `samplingStep` for the same size
 * @param number decides the draws
 * @returns a code of every sequence, [B]
 */
export async function drawOnce(
  step: Program,
  { batch, vocabulary: K }: SamplingSize,
  { feeds, number }: { feeds: NamedHostTensors; number: number },
): Promise<Int32Array> {
  const logits = (await step.run(feeds))["logits"]!.data as Float32Array;
  return Int32Array.from({ length: batch }, (_, b) =>
    drawCode(logits.subarray(b * K, (b + 1) * K), PLAIN_SAMPLING, uniformAt(number, b)),
  );
}

/** Weights that are multiplied, and the cache, told from the sizes. */
export function samplingWork(size: SamplingSize): SamplingWork {
  const { dim, depth, vocabulary, batch, filled } = size;
  const weights = Object.entries(samplingSpecs(size)).filter(([name]) => !/^(codes|classes|positions)/.test(name));
  return {
    weightBytes: weights.reduce((sum, [, { shape }]) => sum + 4 * sizeOf(shape), 0),
    cacheBytes: 4 * 2 * depth * filled * batch * dim,
    multiplyAdds: batch * (depth * 12 * dim ** 2 + dim * vocabulary),
  };
}
