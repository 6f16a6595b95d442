/** A function and its slope at a distance `step` along a search direction, with whatever else the caller wants back. */
export type LinePoint = { readonly step: number; readonly value: number; readonly slope: number };

export type LineSearchOptions<P extends LinePoint> = {
  /** The point at step 0; its slope is negative. */
  readonly start: LinePoint;
  readonly evaluate: (step: number) => Promise<P>;
  readonly firstStep: number;
};

const DECREASE = 0.1; // delta of the source, section 2; below 1/2
const CURVATURE = 0.9; // sigma
const NOISE = 1e-6; // epsilon: share of |value| that a decrease may be lost in; float32 sums are that exact
const EVALUATIONS = 40;

/**
 * Looks along a descent direction for a step with the strong Wolfe conditions
 * `f(s) <= f(0) + delta s f'(0)` and `|f'(s)| <= sigma |f'(0)|`, or, where values differ only by rounding, with their
 * approximate form, which asks the slope instead: `f'(s) <= (2 delta - 1) f'(0)` and `f(s) <= f(0) + noise`.
 * Steps are doubled until one is too long, then the bracket is cut by the secant of the slopes or in half.
 * Source: Hager and Zhang 2005, SIAM J. Optim. 16(1), section 2, with a plainer bracket update.
 * @returns the point, or the best descent met if none fulfils the conditions, or undefined if nothing descended
 */
export async function lineSearch<P extends LinePoint>(options: LineSearchOptions<P>): Promise<P | undefined> {
  const { start, evaluate, firstStep } = options;
  const ceiling = start.value + NOISE * Math.abs(start.value);
  let low: LinePoint = start;
  let high: LinePoint | undefined;
  let best: P | undefined;
  let width = Number.POSITIVE_INFINITY;
  let step = firstStep;
  for (let i = 0; i < EVALUATIONS; i++) {
    const point = await evaluate(step);
    if (accepts(start, point, ceiling)) return point;
    if (point.value < (best ?? start).value) best = point;
    if (point.slope < 0 && point.value <= ceiling) low = point;
    else high = point;
    if (high === undefined) {
      step *= 2;
      continue;
    }
    const shrank = high.step - low.step < 0.66 * width;
    width = high.step - low.step;
    if (width <= Number.EPSILON * high.step) break;
    step = low.step + width * (shrank ? secant(low, high) : 0.5);
  }
  return best;
}

function accepts(start: LinePoint, { step, value, slope }: LinePoint, ceiling: number): boolean {
  const flat = Math.abs(slope) <= CURVATURE * -start.slope;
  const decreased = value <= start.value + DECREASE * step * start.slope;
  const nearlyLevel = value <= ceiling && slope <= (2 * DECREASE - 1) * start.slope;
  return flat && (decreased || nearlyLevel); // false for NaN
}

/** Where between `low` (0) and `high` (1) the slope is expected to vanish; the middle if the slopes do not say. */
function secant(low: LinePoint, high: LinePoint): number {
  if (!(high.slope > 0) || !Number.isFinite(high.slope)) return 0.5;
  return Math.min(0.9, Math.max(0.1, low.slope / (low.slope - high.slope)));
}
