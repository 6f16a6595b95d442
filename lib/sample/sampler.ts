/** Draws code sequences with a KV cache. */
import type { NamedHostTensors } from "../engine/types.js";
import { noClass, sequenceLength } from "../models/vim.js";
import { type Decoder, type DecoderOptions, type Drawing, rowsOf } from "./decoder.js";
import { createDecoder } from "./decoding.js";
import { checkFilter } from "./draw.js";
import { checkGuidance } from "./guidance.js";
import { int32, tile } from "./tensors.js";

export type SamplerOptions = DecoderOptions;

/** The seed of a sequence, with its class, filter, guidance and given codes, decides it. */
export type SampleRequest = Drawing & {
  /** Class of each sequence, [B]; `noClass(model)` for none. */
  readonly classIds: Int32Array;
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
 * Compiles the graphs of sampling.
 * @throws RangeError when there is guidance and the model knows no sequences without a class, or the prefix is too long
 * @throws UsageError when the guidance is out of its range
 */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  checkOptions(options);
  const decoder = await createDecoder(options);
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
  let position = S;
  for await (const codes of decoder.decode(promptOf(sampler, request), request)) {
    for (const [b, code] of codes.entries()) sequences[b * T + position] = code;
    position++;
    request.onPosition?.(position - S);
  }
  return sequences;
}

function promptOf(sampler: Compiled, { classIds, prefix }: SampleRequest): NamedHostTensors {
  const { model, batchSize, guidance, prefixLength: S = 0 } = sampler;
  const rows = rowsOf(sampler);
  const ids = new Int32Array(rows);
  if (guidance) ids.fill(noClass(model), batchSize);
  ids.set(classIds);
  return {
    classIds: int32([rows], ids),
    ...(prefix && S > 0 ? { prefix: int32([rows, S], tile(prefix, rows * S)) } : {}),
  };
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
