import { checkBatching } from "./checkBatching.js";
import { prefetch } from "./prefetch.js";
import { imagesToTrain, type MixtureOptions, mixtureOrder, readPicks, type TokenPart } from "./tokenMixture.js";

/** Rows of codes that can be read at any positions, as a token file is. */
export type TokenRows = {
  readonly count: number;
  /** T. */
  readonly tokensPerImage: number;
  /** [count], -1 where unknown. */
  readonly labels?: Int32Array | undefined;
  /** Rows of an image (crops, flips), one after the other; 1 when absent. */
  readonly viewsPerImage?: number;
  /** @returns codes, [indices.length * T], in the order asked for */
  read(indices: Int32Array): Promise<Int32Array> | Int32Array;
};

export type TokenBatch = {
  /** [B, T]. */
  readonly codes: Int32Array;
  /** [B], -1 where unknown. */
  readonly labels: Int32Array;
  /** Epoch of the first row: how often as many images as there are were drawn before. */
  readonly epoch: number;
  readonly step: number;
};

export type TokenBatchOptions = MixtureOptions & {
  /** Of the same tokens an image, one or more. */
  readonly parts: readonly TokenPart[];
  readonly batchSize: number;
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
 * Endless shuffled batches of code rows, read ahead, in the order of `mixtureOrder`: over one file without views or
 * held-out images it is that of `trainingBatches` over as many images.
 * @throws RangeError when batchSize, startStep or prefetch is out of range, or rows are no whole images
 */
export function tokenBatches(options: TokenBatchOptions): TokenBatches {
  const { parts, batchSize, startStep = 0 } = options;
  checkBatching(options);
  const order = mixtureOrder(parts, options);
  const images = parts.reduce((sum, part) => sum + imagesToTrain(part), 0);
  const make = async (step: number): Promise<TokenBatch> => {
    const first = step * batchSize;
    const picks = Array.from({ length: batchSize }, (_, b) => order(first + b));
    return { ...(await readPicks(parts, picks)), epoch: Math.floor(first / images), step };
  };
  return prefetch({ make, finish: (batch) => batch, start: startStep, ahead: options.prefetch ?? 4 });
}
