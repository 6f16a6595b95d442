/**
 * Size of batches as few and as equal as may be, at least 1: a graph computes whole batches, however many items the last one has.
 * @param count items in all
 * @param most of a batch; 1 where it is less
 */
export function evenBatch(count: number, most: number): number {
  const batches = Math.ceil(count / Math.max(1, most));
  return Math.max(1, Math.ceil(count / Math.max(1, batches)));
}
