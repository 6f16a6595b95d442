import type { PriorBatch, PriorTrainer } from "./priorTrainer.js";

/** Rows of codes with classes to score a prior on. */
export type Validation = {
  readonly count: number;
  /** What they are, in words that are the same whenever they are. */
  readonly on: string;
  read(rows: Int32Array): Promise<PriorBatch>;
};

/** Rows that are scored at most. */
export const SCORED_ROWS = 1024;

/** Mean NLL in nats per code over the first whole batches; rows come again where they make no whole batch. */
export async function validationNll(trainer: PriorTrainer, validation: Validation, batchSize: number): Promise<number> {
  const batches = Math.max(1, Math.floor(Math.min(SCORED_ROWS, validation.count) / batchSize));
  let sum = 0;
  for (let i = 0; i < batches; i++) {
    const rows = Int32Array.from({ length: batchSize }, (_, b) => (i * batchSize + b) % validation.count);
    sum += await trainer.evaluate(await validation.read(rows));
  }
  return sum / batches;
}
