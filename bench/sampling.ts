/** The step of sampling that both sides compare: one code of every sequence, with the keys and values before it at hand. */
import type { NamedHostTensors } from "../lib/engine/types.js";
import { sequenceLength, type VimConfig, vimSpec } from "../lib/models/vim.js";
import { headWidth } from "../lib/nn/attention.js";
import { flattenSpecs, type ParamSpec } from "../lib/nn/params.js";
import { rngFrom } from "../lib/random.js";
import { cacheNames, KvCaches } from "../lib/sample/kvCaches.js";

/** A VIM over a square grid of codes; its MLPs are four times as wide as the tokens. */
export type SamplingSize = {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly gridSide: number;
  /** Sequences drawn together. */
  readonly batch: number;
  /** Positions whose keys and values are there already, the class's among them. */
  readonly filled: number;
};

export function samplingModel({ dim, depth, heads, vocabulary, gridSide }: SamplingSize): VimConfig {
  const grid = [gridSide, gridSide] as const;
  return { dim, depth, heads, mlpDim: 4 * dim, grid, vocabulary, classes: 0, positions: "rowcol" };
}

export function samplingSpecs(size: SamplingSize): Record<string, ParamSpec> {
  return flattenSpecs(vimSpec(samplingModel(size)));
}

/** Keys and values of the positions before, [B, heads, filled, d], drawn from a normal distribution. */
export function randomRows(size: SamplingSize, seed: number): NamedHostTensors {
  const model = samplingModel(size);
  const shape = [size.batch, size.heads, size.filled, headWidth(model)];
  const rng = rngFrom(seed);
  const rows = () => Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.normal());
  return Object.fromEntries(cacheNames(model).map((name) => [name, { dtype: "float32", shape, data: rows() }]));
}

/** What the step is fed besides weights: the code drawn last at position `filled - 1`, and caches that hold `rows`. */
export function samplingFeeds(size: SamplingSize, rows: NamedHostTensors): NamedHostTensors {
  const model = samplingModel(size);
  if (size.filled >= sequenceLength(model)) throw new RangeError(`sampling: no position after ${size.filled}`);
  const caches = new KvCaches(model, size.batch);
  caches.append(Object.fromEntries(Object.entries(rows).map(([name, tensor]) => [`new/${name}`, tensor])));
  const code = Int32Array.from({ length: size.batch }, (_, b) => (b * 7) % size.vocabulary);
  return {
    code: { dtype: "int32", shape: [size.batch], data: code },
    position: { dtype: "int32", shape: [1], data: Int32Array.of(size.filled - 1) },
    ...caches.views(),
  };
}

/** What a step cannot do without. */
export type SamplingWork = {
  /** Bytes of all weights but the tables that codes and positions are looked up in. */
  readonly weightBytes: number;
  /** Bytes of the keys and values before. */
  readonly cacheBytes: number;
  /** Multiply-adds of the products with weights. */
  readonly multiplyAdds: number;
};

export function samplingWork(size: SamplingSize): SamplingWork {
  const { dim, depth, vocabulary, batch, filled } = size;
  const weights = Object.entries(samplingSpecs(size)).filter(([name]) => !/^(codes|classes|positions)/.test(name));
  return {
    weightBytes: weights.reduce((sum, [, { shape }]) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0),
    cacheBytes: 4 * 2 * depth * filled * batch * dim,
    multiplyAdds: batch * (depth * 12 * dim ** 2 + dim * vocabulary),
  };
}

/** Seconds below which no step can be: weights are read or multiplied, whichever takes longer; the cache is read. */
export function samplingBound(
  { weightBytes, cacheBytes, multiplyAdds }: SamplingWork,
  rates: { readonly bytes: number; readonly multiplyAdds: number },
): number {
  return Math.max(weightBytes / rates.bytes, multiplyAdds / rates.multiplyAdds) + cacheBytes / rates.bytes;
}
