/**
 * Draws code sequences one position at a time with a KV cache.
 *
 * The caches belong to JavaScript; each step is fed a view of the filled part and returns only the new rows, so a token
 * costs one read of the weights and of the filled cache, and no copy of it.
 */
import type * as tf from "@tensorflow/tfjs";
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, Program, Step, TensorSpec } from "../engine/types.js";
import { weightFeeds } from "../engine/weightFeeds.js";
import { noClass, sequenceLength, type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import type { KvCache } from "../nn/cachedAttention.js";
import { paramTree } from "../nn/params.js";
import { uniformAt } from "../random.js";
import { checkFilter, drawCode, type Filter } from "./draw.js";
import { checkGuidance, type Guidance, guidedLogits, scaleAt } from "./guidance.js";
import { cacheNames, KvCaches } from "./kvCaches.js";

export type SamplerOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Sequences drawn together. */
  readonly batchSize: number;
  /** Leads every sequence away from its like without a class, for twice the work; none when absent. */
  readonly guidance?: Guidance | undefined;
  /** S, first codes of each sequence that are given; 0 when absent, less than T. */
  readonly prefixLength?: number | undefined;
  /** Bytes of weights that are built into the graphs, see `weightFeeds`. */
  readonly largestBuiltIn?: number;
};

export type SampleRequest = {
  /** Class of each sequence, [B]; `noClass(model)` for none. */
  readonly classIds: Int32Array;
  /** Seed of each sequence, [B]: with its class, filter, guidance and given codes it decides the sequence. */
  readonly seeds: readonly number[];
  /** Filter of each sequence, [B]. */
  readonly filters: readonly Filter[];
  /** Given codes, int32 [B, S] row by row; absent when S is 0. */
  readonly prefix?: Int32Array;
  /** Called after each position with the number of positions drawn, which given ones are not. */
  readonly onPosition?: (drawn: number) => void;
};

export type Sampler = {
  /** Codes, int32 [B, T] row by row, given ones included. */
  sample(request: SampleRequest): Promise<Int32Array>;
  close(): Promise<void>;
};

/**
 * Compiles the two graphs of sampling.
 * @throws RangeError when there is guidance and the model knows no sequences without a class, or the prefix is too long
 * @throws UsageError when the guidance is out of its range
 */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  const { engine, model, weights, prefixLength = 0 } = options;
  checkOptions(options);
  const { options: held, feeds } = weightFeeds(weights, options.largestBuiltIn);
  const compile = (name: string, step: Step, inputs: Record<string, TensorSpec>) =>
    engine.compile(step, { ...held, name, inputs: { ...held.inputs, ...inputs } });
  const rows = rowsOf(options);
  const ids: TensorSpec = { dtype: "int32", shape: [rows] };
  const prefix: TensorSpec = { dtype: "int32", shape: [rows, prefixLength] };
  const prompt = { classIds: ids, ...(prefixLength > 0 ? { prefix } : {}) };
  const prefill = await compile("sample prefill", prefillStep(model), prompt);
  const cached = cachedStep(model, rows);
  const step = await compile("sample step", cached.step, cached.inputs);
  return {
    sample: (request) => drawSequences({ ...options, prefill, step, feeds }, request),
    close: async () => {
      await prefill.dispose();
      await step.dispose();
    },
  };
}

type Compiled = SamplerOptions & { prefill: Program; step: Program; feeds: NamedHostTensors };

async function drawSequences(sampler: Compiled, request: SampleRequest): Promise<Int32Array> {
  checkRequest(sampler, request);
  const { model, batchSize, feeds, prefixLength: S = 0 } = sampler;
  const { prefix = new Int32Array(0) } = request;
  const T = sequenceLength(model);
  const sequences = new Int32Array(batchSize * T);
  for (let b = 0; b < batchSize; b++) sequences.set(prefix.subarray(b * S, (b + 1) * S), b * T);
  const rows = rowsOf(sampler);
  const caches = new KvCaches(model, rows);
  let results = await sampler.prefill.run({ ...feeds, ...prefillInputs(sampler, request) });
  for (let position = S; ; position++) {
    const code = drawRow(sampler, request, { logits: results["logits"]!, position });
    for (let b = 0; b < batchSize; b++) sequences[b * T + position] = code[b]!;
    request.onPosition?.(position + 1 - S);
    if (position + 1 === T) return sequences;
    caches.append(results);
    results = await sampler.step.run({
      ...feeds,
      code: int32([rows], repeated(code, rows)),
      position: int32([1], Int32Array.of(position)),
      ...caches.views(),
      ...lastOf(model, results),
    });
  }
}

/** Rows of the graphs: with guidance every sequence has a second one, without a class, after those of all the others. */
function rowsOf({ batchSize, guidance }: Pick<SamplerOptions, "batchSize" | "guidance">): number {
  return guidance ? 2 * batchSize : batchSize;
}

function prefillInputs(sampler: Compiled, { classIds, prefix }: SampleRequest): NamedHostTensors {
  const { model, batchSize, guidance, prefixLength: S = 0 } = sampler;
  const rows = rowsOf(sampler);
  const ids = new Int32Array(rows);
  if (guidance) ids.fill(noClass(model), batchSize);
  ids.set(classIds);
  return {
    classIds: int32([rows], ids),
    ...(prefix && S > 0 ? { prefix: int32([rows, S], repeated(prefix, rows * S)) } : {}),
  };
}

type Position = { readonly logits: HostTensor; readonly position: number };

function drawRow(
  { model, batchSize, guidance }: SamplerOptions,
  { seeds, filters }: SampleRequest,
  { logits, position }: Position,
): Int32Array {
  const K = logits.shape[1]!;
  const values = logits.data as Float32Array;
  const row = (b: number) => values.subarray(b * K, (b + 1) * K);
  const scale = guidance && scaleAt(guidance, position, sequenceLength(model));
  return Int32Array.from(seeds, (seed, b) => {
    const own = scale === undefined ? row(b) : guidedLogits(row(b), { unconditional: row(batchSize + b), scale });
    return drawCode(own, filters[b]!, uniformAt(position, seed));
  });
}

function checkOptions({ model, guidance, prefixLength: S = 0 }: SamplerOptions): void {
  if (guidance) {
    checkGuidance(guidance);
    noClass(model);
  }
  const T = sequenceLength(model);
  if (!(Number.isInteger(S) && S >= 0 && S < T))
    throw new RangeError(`sampler: want a prefix of 0 to ${T - 1} codes, one less than a sequence has, got ${S}`);
}

function checkRequest(
  { batchSize, prefixLength: S = 0 }: SamplerOptions,
  { classIds, seeds, filters, prefix }: SampleRequest,
): void {
  for (const filter of filters) checkFilter(filter);
  const counts = [classIds.length, seeds.length, filters.length];
  if (counts.some((count) => count !== batchSize))
    throw new RangeError(`sampler: want ${batchSize} classes, seeds and filters, got ${counts.join(", ")}`);
  const given = prefix?.length ?? 0;
  if (given !== batchSize * S) throw new RangeError(`sampler: want prefixes [${batchSize}, ${S}], got ${given} codes`);
}

function prefillStep(model: VimConfig): Step {
  return (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    const codes = inputs["prefix"];
    return stepOutputs(vimPrefill(params, model, { classIds: inputs["classIds"]!, ...(codes ? { codes } : {}) }));
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

/** All of `data` again and again, `length` numbers. */
function repeated(data: Int32Array, length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => data[i % data.length]!);
}

function int32(shape: readonly number[], data: Int32Array): HostTensor {
  return { dtype: "int32", shape, data };
}
