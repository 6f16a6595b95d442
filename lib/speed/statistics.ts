/** What many timings of one thing come to. */

export type Spread = {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  /** A quarter of the values is below, and a quarter above these. */
  readonly lowerQuarter: number;
  readonly upperQuarter: number;
};

/**
 * Where values lie.
 * @throws RangeError when there are none
 */
export function spreadOf(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    fastest: quantile(values, 0),
    slowest: quantile(values, 1),
    lowerQuarter: quantile(values, 0.25),
    upperQuarter: quantile(values, 0.75),
  };
}

/**
 * The middle value, or the mean of the two middle ones.
 * @throws RangeError when there are no values
 */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value at `share` of the way, 0..1, through the sorted values, on a line between its two neighbours. */
function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("median: want at least one value, got none");
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (at % 1) * (above - below);
}
