import { checkBatching } from "./checkBatching.js";
import { trainingOrder } from "./order.js";
import { prefetch } from "./prefetch.js";

/** Rows of codes that can be read at any positions, as a token file is. */
export type TokenRows = {
  readonly count: number;
  /** T. */
  readonly tokensPerImage: number;
  /** [count], -1 where unknown. */
  readonly labels?: Int32Array | undefined;
  /** @returns codes, [indices.length * T], in the order asked for */
  read(indices: Int32Array): Promise<Int32Array> | Int32Array;
};

export type TokenBatch = {
  /** [B, T]. */
  readonly codes: Int32Array;
  /** [B], -1 where unknown. */
  readonly labels: Int32Array;
  /** Epoch of the first row. */
  readonly epoch: number;
  readonly step: number;
};

export type TokenBatchOptions = {
  readonly tokens: TokenRows;
  readonly batchSize: number;
  readonly seed: number;
  /** First step to give, for resuming; default 0. */
  readonly startStep?: number;
  /** Batches under way beyond the one in use; default 4. */
  readonly prefetch?: number;
};

export type TokenBatches = {
  next(): Promise<TokenBatch>;
  /** Seconds spent waiting in `next` so far. */
  readonly waited: number;
  close(): Promise<void>;
};

/**
 * Endless shuffled batches of code rows, read ahead, in the order that `trainingBatches` has over as many images.
 * @throws RangeError when batchSize, startStep or prefetch is out of range
 */
export function tokenBatches(options: TokenBatchOptions): TokenBatches {
  const { tokens, batchSize, seed, startStep = 0 } = options;
  checkBatching(options);
  const order = trainingOrder(tokens.count, seed);
  const make = async (step: number): Promise<TokenBatch> => {
    const first = step * batchSize;
    const indices = Int32Array.from({ length: batchSize }, (_, b) => order(first + b).index);
    const labels = indices.map((index) => tokens.labels?.[index] ?? -1);
    return { codes: await tokens.read(indices), labels, epoch: Math.floor(first / tokens.count), step };
  };
  return prefetch({ make, finish: (batch) => batch, start: startStep, ahead: options.prefetch ?? 4 });
}
