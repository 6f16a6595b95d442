/** Axes: from data to 0..1, with ticks at round numbers. */

export type Tick = { readonly value: number; readonly label: string };

export type Axis = {
  /** Ends of the axis, in data units. */
  readonly min: number;
  readonly max: number;
  /** Ascending, all within the ends. */
  readonly ticks: readonly Tick[];
  /** Where a value lies: 0 at `min`, 1 at `max`. */
  readonly project: (value: number) => number;
};

export type AxisOptions = {
  /** Values that must be visible; not empty, finite, above 0 on a log axis. */
  readonly values: readonly number[];
  readonly maxTicks: number;
  /** Whether the ends move out to ticks, which suits the upright axis. */
  readonly roundEnds?: boolean;
};

/** Equal differences, equal distances; ticks at multiples of 1, 2 or 5 times a power of ten. */
export function linearAxis({ values, maxTicks, roundEnds = false }: AxisOptions): Axis {
  let [min, max] = extent(values);
  if (min > 0 && min < FROM_ZERO * max && roundEnds) min = 0;
  if (min === max) [min, max] = widened(min);
  const finest = values.every(Number.isInteger) ? 1 : 0; // no tick at half a step or block
  const step = Math.max(finest, roundStep((max - min) / Math.max(1, maxTicks - 1)));
  if (roundEnds) [min, max] = [Math.floor(min / step + SLACK) * step, Math.ceil(max / step - SLACK) * step];
  const ticks = labelled(multiples(step, min, max), step);
  return { min, max, ticks, project: (value) => (value - min) / (max - min) };
}

/** Equal ratios, equal distances; ticks at powers of ten, with 2 and 5 times them where there is room. */
export function logAxis({ values, maxTicks, roundEnds = false }: AxisOptions): Axis {
  let [min, max] = extent(values);
  if (max < NARROW_RATIO * min) return narrowLogAxis({ values, maxTicks, roundEnds });
  if (roundEnds) [min, max] = [roundLog(min, "down"), roundLog(max, "up")];
  const ticks = logTicks(min, max, maxTicks).map((value) => ({ value, label: shortNumber(value) }));
  return { min, max, ticks, project: logProjection(min, max) };
}

/** A number in as few characters as a tick label needs: 0.02, 150, 20k, 1.5M, 3e-5. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9 || size < 1e-3) return Number(value.toPrecision(6)).toExponential().replace("e+", "e");
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(6))}k`;
  return `${Number(value.toPrecision(6))}`;
}

const FROM_ZERO = 0.3; // a smallest value below this share of the largest: show zero too
const SLACK = 1e-9; // rounding error of a division
const NARROW_RATIO = 3; // less than half a decade: powers of ten would leave the axis bare
const MANTISSAS: readonly (readonly number[])[] = [[1, 2, 5], [1, 3], [1]];

function extent(values: readonly number[]): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return [min, max];
}

function widened(value: number): [number, number] {
  const room = Math.abs(value) * 0.1 || 1;
  return [value - room, value + room];
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `step`. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const mantissa = [1, 2, 5, 10].find((candidate) => candidate * power >= step * (1 - SLACK))!;
  return mantissa * power;
}

function multiples(step: number, min: number, max: number): number[] {
  const first = Math.ceil(min / step - SLACK);
  const last = Math.floor(max / step + SLACK);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** Labels of one axis share unit and number of decimals. */
function labelled(values: readonly number[], step: number): Tick[] {
  const largest = Math.max(...values.map(Math.abs));
  const [divisor, suffix] = largest >= 1e6 ? [1e6, "M"] : largest >= 1e4 ? [1e3, "k"] : [1, ""];
  const decimals = Math.max(0, -Math.floor(Math.log10(step / divisor) + SLACK));
  return values.map((value) => {
    const plain = largest < 1e9 && step >= 1e-4 && Math.abs(value) > step / 2;
    return { value, label: plain ? `${(value / divisor).toFixed(decimals)}${suffix}` : tickAtEnds(value, step) };
  });
}

const tickAtEnds = (value: number, step: number): string => (Math.abs(value) < step / 2 ? "0" : shortNumber(value));

const logProjection = (min: number, max: number) => (value: number) => Math.log(value / min) / Math.log(max / min);

function narrowLogAxis(options: AxisOptions): Axis {
  const { min, max, ticks } = linearAxis(options);
  if (min > 0) return { min, max, ticks, project: logProjection(min, max) };
  const [low, high] = extent(options.values); // rounding went down to zero, which has no logarithm
  return { min: low, max: high, ticks: ticks.filter(({ value }) => value >= low), project: logProjection(low, high) };
}

function roundLog(value: number, direction: "down" | "up"): number {
  const power = 10 ** Math.floor(Math.log10(value) + SLACK);
  const rounded = [1, 2, 5, 10].map((mantissa) => mantissa * power);
  if (direction === "up") return rounded.find((candidate) => candidate >= value * (1 - SLACK))!;
  return rounded.findLast((candidate) => candidate <= value * (1 + SLACK))!;
}

/** The densest choice of mantissas, else the closest spacing of powers, that gives at most `maxTicks`. */
function logTicks(min: number, max: number, maxTicks: number): number[] {
  const [from, to] = [Math.floor(Math.log10(min) + SLACK), Math.ceil(Math.log10(max) - SLACK)];
  const inside = (value: number) => value >= min * (1 - SLACK) && value <= max * (1 + SLACK);
  const candidates = (mantissas: readonly number[], every: number) =>
    multiples(every, from, to)
      .flatMap((exponent) => mantissas.map((mantissa) => mantissa * 10 ** exponent))
      .filter(inside);
  for (const mantissas of MANTISSAS) {
    const ticks = candidates(mantissas, 1);
    if (ticks.length <= maxTicks) return ticks;
  }
  return candidates([1], Math.ceil((to - from) / Math.max(1, maxTicks - 1)));
}
