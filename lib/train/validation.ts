import { spreadPlaces } from "../data/thinned.js";
import type { PriorBatch, PriorTrainer } from "./priorTrainer.js";

/** Rows of codes with classes to score a prior on. */
export type Validation = {
  readonly count: number;
  /** What they are, in words that are the same whenever they are. */
  readonly on: string;
  read(rows: Int32Array): Promise<PriorBatch>;
};

/** Rows that are scored at most, but for those that complete a batch. */
export const SCORED_ROWS = 1024;

/**
 * Mean NLL in nats per code over whole batches of rows, spread over all there are, since files are often in the order of
 * classes; where rows make no whole batch, some come twice.
 */
export async function validationNll(trainer: PriorTrainer, validation: Validation, batchSize: number): Promise<number> {
  const { count } = validation;
  const batches = Math.ceil(Math.min(SCORED_ROWS, count) / batchSize);
  const scored = batches * batchSize;
  const places = spreadPlaces(scored, count);
  let sum = 0;
  for (let i = 0; i < batches; i++) {
    const row = (at: number) => places[Math.floor((at * places.length) / scored)]!;
    const rows = Int32Array.from({ length: batchSize }, (_, b) => row(i * batchSize + b));
    sum += await trainer.evaluate(await validation.read(rows));
  }
  return sum / batches;
}
