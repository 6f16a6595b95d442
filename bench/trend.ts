/** Whether something grows: figures of equal parts of a long run, one after the other. */
import { median } from "../lib/speed/statistics.js";

/**
 * How much values rise from first to last, as a share of their median: the median of all pairwise slopes (Theil and Sen) times the
 * number of steps between. A few odd values move it little.
 * @throws RangeError when there are fewer than 3 values
 */
export function rise(values: readonly number[]): number {
  if (values.length < 3) throw new RangeError(`rise: want at least 3 values, got ${values.length}`);
  const slopes = values.flatMap((a, i) => values.slice(i + 1).map((b, k) => (b - a) / (k + 1)));
  return (median(slopes) * (values.length - 1)) / median(values);
}
