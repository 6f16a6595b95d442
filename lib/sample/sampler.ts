/**
 * Draws code sequences one position at a time with a KV cache.
 *
 * The caches belong to JavaScript, position first, `[t, B, heads, d]`; each step is fed a view of the filled part and
 * returns only the new row, so a token costs one read of the weights and of the filled cache, and no copy of it.
 */
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, Program, Step, TensorSpec } from "../engine/types.js";
import { sequenceLength, type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import type { KvCache } from "../nn/cachedAttention.js";
import { paramTree } from "../nn/params.js";
import { uniformAt } from "../random.js";
import { checkFilter, drawCode, type Filter } from "./draw.js";

export type SamplerOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Sequences drawn together. */
  readonly batchSize: number;
  /** Weights built into the graph: worth it beyond some hundred tokens, but not beyond 2 GB; by size when absent. */
  readonly prepack?: boolean;
};

export type SampleRequest = {
  /** Class of each sequence, [B]; `noClass(model)` for none. */
  readonly classIds: Int32Array;
  /** Seed of each sequence, [B]: together with class and filter it decides the sequence. */
  readonly seeds: readonly number[];
  readonly filter: Filter;
  /** Called after each position with the number of positions drawn. */
  readonly onPosition?: (drawn: number) => void;
};

export type Sampler = {
  /** Codes, int32 [B, T] row by row. */
  sample(request: SampleRequest): Promise<Int32Array>;
  close(): Promise<void>;
};

/** An ONNX model in memory ends at 2 GB; larger weights are fed as inputs. */
const PREPACK_LIMIT_BYTES = 1.5e9;

/** Compiles the two graphs of sampling. */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  const { engine, model, weights, batchSize } = options;
  const bytes = Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0);
  const prepack = options.prepack ?? bytes < PREPACK_LIMIT_BYTES;
  const given = prepack ? { constants: weights, inputs: {} } : { inputs: weightInputs(weights) };
  const compile = (name: string, step: Step, inputs: Record<string, TensorSpec>) =>
    engine.compile(step, { ...given, name, inputs: { ...given.inputs, ...inputs } });
  const ids: TensorSpec = { dtype: "int32", shape: [batchSize] };
  const prefill = await compile("sample prefill", prefillStep(model), { classIds: ids });
  const step = await compile("sample step", cachedStep(model), {
    code: ids,
    position: { dtype: "int32", shape: [1] },
    ...cacheInputs(model, batchSize),
  });
  return {
    sample: (request) => drawSequences({ ...options, prefill, step, feeds: prepack ? {} : weights }, request),
    close: async () => {
      await prefill.dispose();
      await step.dispose();
    },
  };
}

type Compiled = SamplerOptions & { prefill: Program; step: Program; feeds: NamedHostTensors };

async function drawSequences(sampler: Compiled, request: SampleRequest): Promise<Int32Array> {
  checkFilter(request.filter);
  const { model, batchSize, feeds } = sampler;
  if (request.classIds.length !== batchSize || request.seeds.length !== batchSize)
    throw new RangeError(`sampler: want ${batchSize} classes and seeds, got ${request.classIds.length}`);
  const T = sequenceLength(model);
  const sequences = new Int32Array(batchSize * T);
  const caches = new Caches(model, batchSize);
  const classIds = int32([batchSize], request.classIds);
  let results = await sampler.prefill.run({ ...feeds, classIds });
  for (let position = 0; ; position++) {
    const code = drawRow(results["logits"]!, request, position);
    for (let b = 0; b < batchSize; b++) sequences[b * T + position] = code[b]!;
    request.onPosition?.(position + 1);
    if (position + 1 === T) return sequences;
    caches.append(results);
    results = await sampler.step.run({
      ...feeds,
      code: int32([batchSize], code),
      position: int32([1], Int32Array.of(position)),
      ...caches.views(),
    });
  }
}

function drawRow(logits: HostTensor, { seeds, filter }: SampleRequest, position: number): Int32Array {
  const K = logits.shape[1]!;
  const values = logits.data as Float32Array;
  return Int32Array.from(seeds, (seed, b) =>
    drawCode(values.subarray(b * K, (b + 1) * K), filter, uniformAt(position, seed)),
  );
}

/** Key and value caches of all blocks, and what a token shift needs of the newest position. */
class Caches {
  private readonly arrays = new Map<string, Float32Array>();
  private readonly row: number;
  private last: NamedHostTensors = {};
  private filled = 0;

  constructor(
    private readonly model: VimConfig,
    private readonly batchSize: number,
  ) {
    this.row = batchSize * model.dim;
    for (const name of cacheNames(model)) this.arrays.set(name, new Float32Array(sequenceLength(model) * this.row));
  }

  append(results: NamedHostTensors): void {
    for (const [name, array] of this.arrays)
      array.set(results[`new/${name}`]!.data as Float32Array, this.filled * this.row);
    for (const name of lastNames(this.model)) this.last[name] = results[`new/${name}`]!;
    this.filled++;
  }

  views(): NamedHostTensors {
    const shape = [this.filled, this.batchSize, this.model.heads, headWidth(this.model)];
    const views = [...this.arrays].map(([name, array]) => {
      const data = array.subarray(0, this.filled * this.row);
      return [name, { dtype: "float32", shape, data }] as const;
    });
    return { ...Object.fromEntries(views), ...this.last };
  }
}

function prefillStep(model: VimConfig): Step {
  return (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    return stepOutputs(vimPrefill(params, model, { classIds: inputs["classIds"]! }));
  };
}

function cachedStep(model: VimConfig): Step {
  return (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    const past: KvCache[] = Array.from({ length: model.depth }, (_, i) => ({
      k: inputs[`k${i}`]!,
      v: inputs[`v${i}`]!,
    }));
    const last = lastNames(model).map((name) => inputs[name]!);
    return stepOutputs(vimStep(params, model, { code: inputs["code"]!, position: inputs["position"]!, past, last }));
  };
}

function stepOutputs({ logits, cache, last }: VimStep): NamedTensors {
  const outputs: NamedTensors = { logits };
  for (const [i, { k, v }] of cache.entries()) Object.assign(outputs, { [`new/k${i}`]: k, [`new/v${i}`]: v });
  for (const [i, u] of last.entries()) outputs[`new/u${i}`] = u;
  return outputs;
}

function cacheNames({ depth }: VimConfig): string[] {
  return Array.from({ length: depth }, (_, i) => [`k${i}`, `v${i}`]).flat();
}

/** The normed tokens that attention of the newest position was given, by block. */
function lastNames({ depth, tokenShift }: VimConfig): string[] {
  return tokenShift ? Array.from({ length: depth }, (_, i) => `u${i}`) : [];
}

function cacheInputs(model: VimConfig, batchSize: number): Record<string, TensorSpec> {
  const inputs: Record<string, TensorSpec> = {};
  const shape = ["t", batchSize, model.heads, headWidth(model)];
  for (const name of cacheNames(model)) inputs[name] = { dtype: "float32", shape };
  for (const name of lastNames(model)) inputs[name] = { dtype: "float32", shape: [batchSize, 1, model.dim] };
  return inputs;
}

function weightInputs(weights: NamedHostTensors): Record<string, TensorSpec> {
  return Object.fromEntries(Object.entries(weights).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
}

function int32(shape: readonly number[], data: Int32Array): HostTensor {
  return { dtype: "int32", shape, data };
}
