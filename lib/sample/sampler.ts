/**
 * Draws code sequences one position at a time with a KV cache.
 *
 * The caches belong to JavaScript; each step is fed a view of the filled part and returns only the new rows, so a token
 * costs one read of the weights and of the filled cache, and no copy of it.
 */
import type * as tf from "@tensorflow/tfjs";
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, Program, Step, TensorSpec } from "../engine/types.js";
import { sequenceLength, type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import type { KvCache } from "../nn/cachedAttention.js";
import { paramTree } from "../nn/params.js";
import { uniformAt } from "../random.js";
import { checkFilter, drawCode, type Filter } from "./draw.js";
import { cacheNames, KvCaches } from "./kvCaches.js";

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
  const cached = cachedStep(model, batchSize);
  const step = await compile("sample step", cached.step, cached.inputs);
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
  const caches = new KvCaches(model, batchSize);
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
      ...lastOf(model, results),
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

function prefillStep(model: VimConfig): Step {
  return (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    return stepOutputs(vimPrefill(params, model, { classIds: inputs["classIds"]! }));
  };
}

/** One further position as a step: weights, `code` [B], `position` [1] and caches in, `logits` [B, K] and new rows out. */
export function cachedStep(
  model: VimConfig,
  batchSize: number,
): { readonly step: Step; readonly inputs: Record<string, TensorSpec> } {
  const step: Step = (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    const past: KvCache[] = Array.from({ length: model.depth }, (_, i) => ({
      k: inputs[`k${i}`]!,
      v: inputs[`v${i}`]!,
    }));
    const last = lastNames(model).map((name) => inputs[name]!);
    const { code, position, mask } = inputs as Record<"code" | "position" | "mask", tf.Tensor>;
    return stepOutputs(vimStep(params, model, { code, position, past, mask, last }));
  };
  const code: TensorSpec = { dtype: "int32", shape: [batchSize] };
  return { step, inputs: { code, position: { dtype: "int32", shape: [1] }, ...cacheInputs(model, batchSize) } };
}

function stepOutputs({ logits, cache, last }: VimStep): NamedTensors {
  const outputs: NamedTensors = { logits };
  for (const [i, { k, v }] of cache.entries()) Object.assign(outputs, { [`new/k${i}`]: k, [`new/v${i}`]: v });
  for (const [i, u] of last.entries()) outputs[`new/u${i}`] = u;
  return outputs;
}

/** The normed tokens that attention of the newest position was given, by block. */
function lastNames({ depth, tokenShift }: VimConfig): string[] {
  return tokenShift ? Array.from({ length: depth }, (_, i) => `u${i}`) : [];
}

/** What a token shift needs of the newest position. */
function lastOf(model: VimConfig, results: NamedHostTensors): NamedHostTensors {
  return Object.fromEntries(lastNames(model).map((name) => [name, results[`new/${name}`]!]));
}

function cacheInputs(model: VimConfig, batchSize: number): Record<string, TensorSpec> {
  const inputs: Record<string, TensorSpec> = {};
  inputs["mask"] = { dtype: "float32", shape: ["C"] };
  const shape = [batchSize, model.heads, "C", headWidth(model)];
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
