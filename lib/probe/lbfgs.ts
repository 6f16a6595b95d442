import { lineSearch } from "./lineSearch.js";

/** The function and its gradient at a point; the gradient is copied, so its array may be used again. */
export type Evaluation = { readonly value: number; readonly gradient: ArrayLike<number> };

export type MinimizeOptions = {
  readonly start: Float64Array;
  /** Must not keep or change `x`. */
  readonly evaluate: (x: Float64Array) => Promise<Evaluation>;
  /** Pairs of steps and gradient changes that stand for the Hessian; 10 by default. */
  readonly memory?: number;
  /** Stop when the largest gradient component is this share of the largest at the start; 1e-6 by default. */
  readonly tolerance?: number;
  /** Accepted steps; 1000 by default. */
  readonly maxIterations?: number;
};

export type Minimum = {
  readonly x: Float64Array;
  readonly value: number;
  /** Largest absolute component of the gradient at `x`. */
  readonly gradientNorm: number;
  readonly iterations: number;
  readonly evaluations: number;
  /** Whether the tolerance was met. */
  readonly converged: boolean;
  /** `gradient`: tolerance met; `iterations`: they ran out; `noDescent`: no better point within rounding. */
  readonly reason: "gradient" | "iterations" | "noDescent";
};

/**
 * Minimizes a smooth function by L-BFGS: the two-loop recursion over the last `memory` steps, scaled by `s.y / y.y`,
 * then a Wolfe line search that bears float32 noise.
 * Source: Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5.
 * @throws RangeError when value or gradient at the start are not finite, or the gradient has another length
 */
export async function minimize(options: MinimizeOptions): Promise<Minimum> {
  const { start, memory = 10, tolerance = 1e-6, maxIterations = 1000 } = options;
  let evaluations = 0;
  const evaluate = async (x: Float64Array): Promise<Point> => {
    evaluations++;
    const { value, gradient } = await options.evaluate(x);
    return { x, value, gradient: Float64Array.from(gradient) };
  };
  let at = await evaluate(start.slice());
  expectUsable(at);
  const enough = tolerance * largest(at.gradient);
  const finish = (reason: Minimum["reason"], iterations: number): Minimum => ({
    x: at.x,
    value: at.value,
    gradientNorm: largest(at.gradient),
    iterations,
    evaluations,
    converged: reason === "gradient",
    reason,
  });

  const pairs: Pair[] = [];
  for (let iteration = 0; ; iteration++) {
    if (largest(at.gradient) <= enough) return finish("gradient", iteration);
    if (iteration === maxIterations) return finish("iterations", iteration);
    const next = await descendOrForget(at, pairs, evaluate);
    if (next === undefined) return finish("noDescent", iteration);
    remember(pairs, { from: at, to: next, memory });
    at = next;
  }
}

type Point = { readonly x: Float64Array; readonly value: number; readonly gradient: Float64Array };

/** A step `s` taken, the change `y` of the gradient over it, and `1 / s.y`. */
type Pair = { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number };

type Evaluate = (x: Float64Array) => Promise<Point>;

/** A line search along the L-BFGS direction or, where that fails, along the gradient with the pairs forgotten. */
async function descendOrForget(at: Point, pairs: Pair[], evaluate: Evaluate): Promise<Point | undefined> {
  const next = await descend(at, pairs, evaluate);
  if (next !== undefined || pairs.length === 0) return next;
  pairs.length = 0;
  return descend(at, pairs, evaluate);
}

/** One line search from `at`; undefined when it finds nothing better. */
async function descend(at: Point, pairs: readonly Pair[], evaluate: Evaluate): Promise<Point | undefined> {
  const direction = searchDirection(at.gradient, pairs);
  const slope = dot(direction, at.gradient);
  if (!(slope < 0)) return undefined;
  return lineSearch({
    start: { step: 0, value: at.value, slope },
    firstStep: pairs.length === 0 ? 1 / Math.sqrt(-slope) : 1, // without curvature, a step of length 1
    evaluate: async (step) => {
      const point = await evaluate(at.x.map((value, i) => value + step * direction[i]!));
      return { ...point, step, slope: dot(direction, point.gradient) };
    },
  });
}

/** `-H gradient`, H being the inverse Hessian that the pairs describe (algorithm 7.4). */
function searchDirection(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const weights: number[] = [];
  for (const [i, { s, y, rho }] of [...pairs.entries()].reverse()) {
    weights[i] = rho * dot(s, direction);
    addScaled(direction, -weights[i], y);
  }
  const newest = pairs.at(-1);
  if (newest) {
    const scale = 1 / (newest.rho * dot(newest.y, newest.y));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const [i, { s, y, rho }] of pairs.entries()) addScaled(direction, weights[i]! - rho * dot(y, direction), s);
  return direction;
}

/** Adds the newest pair and drops the oldest; a pair without positive curvature would spoil the Hessian and is skipped. */
function remember(pairs: Pair[], { from, to, memory }: { from: Point; to: Point; memory: number }): void {
  const s = to.x.map((value, i) => value - from.x[i]!);
  const y = to.gradient.map((value, i) => value - from.gradient[i]!);
  const curvature = dot(s, y);
  if (curvature > Number.EPSILON * dot(y, y)) pairs.push({ s, y, rho: 1 / curvature });
  if (pairs.length > memory) pairs.shift();
}

function expectUsable({ x, value, gradient }: Point): void {
  if (gradient.length !== x.length)
    throw new RangeError(`minimize: want a gradient of ${x.length} components, got ${gradient.length}`);
  if (!Number.isFinite(value) || !Number.isFinite(largest(gradient)))
    throw new RangeError(`minimize: value ${value} or its gradient is not finite at the start`);
}

/** Infinity norm; NaN if a component is. */
function largest(vector: Float64Array): number {
  return vector.reduce((norm, value) => Math.max(norm, Math.abs(value)), 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** `target += scale * vector` */
function addScaled(target: Float64Array, scale: number, vector: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += scale * vector[i]!;
}
