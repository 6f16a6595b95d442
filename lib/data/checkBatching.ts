/** @throws RangeError when batchSize or startStep is out of range */
export function checkBatching({ batchSize, startStep = 0 }: { batchSize: number; startStep?: number }): void {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`batches: want a whole batchSize of 1 or more, got ${batchSize}`);
  if (!Number.isInteger(startStep) || startStep < 0)
    throw new RangeError(`batches: want a whole startStep of 0 or more, got ${startStep}`);
}
