/** A series on its way to the page: gaps where values are missing, no more points than the eye can tell apart. */

/** One line of a chart. */
export type Series = {
  readonly name: string;
  /** Both [n]; where x or y is not finite the line has a gap. */
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly dashed?: boolean;
  /** Draws the mean of so many points around each, the points themselves pale behind it; the legend says so. */
  readonly smooth?: number;
};

/** Points [x, y] in data units, without a gap. */
export type Run = readonly (readonly [x: number, y: number])[];

/** What is drawn of a series. */
export type Plotted = {
  /** Its name for the legend. */
  readonly name: string;
  readonly color: string;
  readonly dashed: boolean;
  /** The line, and in pale the points it is a mean of. */
  readonly runs: readonly Run[];
  readonly pale: readonly Run[];
  /** Few enough points to mark each. */
  readonly marked: boolean;
  /** Goes up and down so often that a line at full width would be a smear. */
  readonly jagged: boolean;
};

/**
 * What to draw of the series at `index`; `positive` (a log axis) leaves out y that are not above 0.
 * @throws RangeError when x and y differ in length
 */
export function plot(series: Series, index: number, { positive }: { positive: boolean }): Plotted {
  const runs = runsOf(series, positive);
  const count = runs.reduce((sum, run) => sum + run.length, 0);
  const reach = Math.floor((series.smooth ?? 1) / 2);
  const fewer = (run: Run) => thinned(run, Math.max(2, Math.round((MAX_POINTS * run.length) / count)));
  const smoothing = reach > 0 && count > 0;
  return {
    name: smoothing ? `${series.name} (mean of ${2 * reach + 1})` : series.name,
    color: PALETTE[index % PALETTE.length]!,
    dashed: series.dashed ?? index >= PALETTE.length, // colours used twice are told apart by the dashes
    runs: (smoothing ? runs.map((run) => smoothed(run, reach)) : runs).map(fewer),
    pale: smoothing ? runs.map(fewer) : [],
    marked: !smoothing && count <= MAX_MARKED,
    jagged: !smoothing && count > MAX_POINTS && runs.map(fewer).some(isJagged),
  };
}

/**
 * At most about `limit` points that look the same: of each of `limit / 2` equal stretches only the lowest and the
 * highest point are kept, in their order; so no spike gets lost. The two ends are always kept.
 */
export function thinned(run: Run, limit: number): Run {
  if (run.length <= limit) return run;
  const stretches = Math.max(1, Math.floor(limit / 2));
  const kept = new Set([0, run.length - 1]);
  for (let s = 0; s < stretches; s++) {
    const from = Math.floor((s * run.length) / stretches);
    const to = Math.floor(((s + 1) * run.length) / stretches);
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (run[i]![1] < run[low]![1]) low = i;
      if (run[i]![1] > run[high]![1]) high = i;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b).map((i) => run[i]!);
}

/** Each y replaced by the mean of itself and up to `reach` neighbours on either side, as far as there are any. */
export function smoothed(run: Run, reach: number): Run {
  const sums = new Float64Array(run.length + 1);
  for (const [i, [, y]] of run.entries()) sums[i + 1] = sums[i]! + y;
  return run.map(([x], i) => {
    const from = Math.max(0, i - reach);
    const to = Math.min(run.length, i + reach + 1);
    return [x, (sums[to]! - sums[from]!) / (to - from)];
  });
}

const MAX_POINTS = 400; // per series; a chart is some 600 pixels wide
const MAX_MARKED = 40;

// Okabe and Ito's colours for all kinds of colour vision, without the yellow, which is too pale on white.
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/** Whether the line turns at more than a quarter of its points. */
function isJagged(run: Run): boolean {
  const rises = run.slice(1).map((point, i) => point[1] - run[i]![1]);
  const turns = rises.slice(1).filter((rise, i) => rise * rises[i]! < 0);
  return turns.length > run.length / 4;
}

function runsOf({ name, x, y }: Series, positive: boolean): Run[] {
  if (x.length !== y.length) throw new RangeError(`chart: series ${name} has ${x.length} x but ${y.length} y`);
  const runs: [number, number][][] = [];
  let open: [number, number][] | undefined;
  for (let i = 0; i < x.length; i++) {
    const [across, up] = [x[i]!, y[i]!];
    if (!Number.isFinite(across) || !Number.isFinite(up) || (positive && up <= 0)) {
      open = undefined;
      continue;
    }
    if (!open) {
      open = [];
      runs.push(open);
    }
    open.push([across, up]);
  }
  return runs;
}
