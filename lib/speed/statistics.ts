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
  const sorted = inOrder("spread", values);
  return {
    median: quantile(sorted, 0.5),
    fastest: quantile(sorted, 0),
    slowest: quantile(sorted, 1),
    lowerQuarter: quantile(sorted, 0.25),
    upperQuarter: quantile(sorted, 0.75),
  };
}

/**
 * The middle value, or the mean of the two middle ones.
 * @throws RangeError when there are no values
 */
export function median(values: readonly number[]): number {
  return quantile(inOrder("median", values), 0.5);
}

/** The values from the least to the greatest; `what` begins the complaint that there are none. */
function inOrder(what: string, values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError(`${what}: want at least one value, got none`);
  return [...values].sort((a, b) => a - b);
}

/** The value at `share` of the way, 0..1, through sorted values, on a line between its two neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (at % 1) * (above - below);
}
