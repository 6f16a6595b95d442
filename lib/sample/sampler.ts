/**
 * Draws code sequences one position at a time with a KV cache.
 *
 * The logits of a position come to the host, where codes are drawn; keys and values are the decoder's affair.
 */
import type { Engine, HostTensor, NamedHostTensors } from "../engine/types.js";
import { noClass, sequenceLength, type VimConfig } from "../models/vim.js";
import { uniformAt } from "../random.js";
import { createDecoder, type Decoder } from "./decoding.js";
import { checkFilter, drawCode, type Filter } from "./draw.js";
import { checkGuidance, type Guidance, guidedLogits, scaleAt } from "./guidance.js";

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
  checkOptions(options);
  const decoder = await createDecoder({ ...options, rows: rowsOf(options), prefixLength: options.prefixLength ?? 0 });
  return {
    sample: (request) => drawSequences({ ...options, decoder }, request),
    close: () => decoder.close(),
  };
}

type Compiled = SamplerOptions & { readonly decoder: Decoder };

async function drawSequences(sampler: Compiled, request: SampleRequest): Promise<Int32Array> {
  checkRequest(sampler, request);
  const { model, batchSize, decoder, prefixLength: S = 0 } = sampler;
  const { prefix = new Int32Array(0) } = request;
  const T = sequenceLength(model);
  const sequences = new Int32Array(batchSize * T);
  for (let b = 0; b < batchSize; b++) sequences.set(prefix.subarray(b * S, (b + 1) * S), b * T);
  const rows = rowsOf(sampler);
  const decoding = decoder.begin();
  try {
    let logits = await decoding.first(prefillInputs(sampler, request));
    for (let position = S; ; position++) {
      const code = drawRow(sampler, request, { logits, position });
      for (let b = 0; b < batchSize; b++) sequences[b * T + position] = code[b]!;
      request.onPosition?.(position + 1 - S);
      if (position + 1 === T) return sequences;
      logits = await decoding.next({
        code: int32([rows], repeated(code, rows)),
        position: int32([1], Int32Array.of(position)),
      });
    }
  } finally {
    decoding.end();
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

/** All of `data` again and again, `length` numbers. */
function repeated(data: Int32Array, length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => data[i % data.length]!);
}

function int32(shape: readonly number[], data: Int32Array): HostTensor {
  return { dtype: "int32", shape, data };
}
