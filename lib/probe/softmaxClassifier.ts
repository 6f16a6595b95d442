import type { Engine } from "../engine/types.js";
import { accuracy } from "./judge.js";
import { type Minimum, minimize } from "./lbfgs.js";
import {
  compileSoftmaxObjective,
  expectLabelled,
  type LabelledFeatures,
  type SoftmaxObjective,
} from "./softmaxObjective.js";
import { measureStandardization, type Standardization, standardize } from "./standardize.js";
import { stratifiedSplit } from "./stratifiedSplit.js";
import { imageLabels, imageRows } from "./views.js";
import { covarianceOf, type Whitening, whitening } from "./whitening.js";

/** Multinomial logistic regression on standardized features: `softmax(((x - mean) / scale) W + b)`. */
export type SoftmaxClassifier = Standardization & {
  readonly weights: Float64Array; // [D, C]
  readonly bias: Float64Array; // [C]
  readonly fit: FitReport;
};

/** How the fit ended; `value` is the regularized training loss in nats. */
export type FitReport = Omit<Minimum, "x"> & { readonly l2: number };

export type FitOptions = LabelledFeatures & {
  readonly engine: Engine;
  /** Weight of `|W|^2 / 2` beside the mean cross-entropy. */
  readonly l2: number;
  /** Largest (whitened) gradient component at the end over that at zero weights; 1e-4 by default, in float32's reach. */
  readonly tolerance?: number;
  /** L-BFGS iterations; 1000 by default. */
  readonly maxIterations?: number;
};

/** Values of `l2` tried by `fitWithSelection`, strongest first: ties go to the stronger. */
export const L2_GRID: readonly number[] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5];

/** Share of the training rows, class by class, that `fitWithSelection` judges by. */
export const HELD_OUT_SHARE = 0.1;

/**
 * Fits a classifier to convergence by L-BFGS from zero weights; whether it got there is in `fit.converged`.
 * @throws RangeError when features and labels do not fit or are not finite, or `l2` is negative
 */
export async function fitSoftmaxClassifier(options: FitOptions): Promise<SoftmaxClassifier> {
  const [classifier] = await fitPath({ ...options, l2s: [options.l2] });
  return classifier!;
}

export type SelectionOptions = Omit<FitOptions, "l2"> & {
  /** Decides which images are held out. */
  readonly seed: number;
  /** Rows an image has, one after the other, which are held out together; 1 unless given. */
  readonly views?: number | undefined;
  readonly l2Grid?: readonly number[];
  readonly heldOutShare?: number;
};

/** One `l2` that was tried: top-1 on the held-out rows, 0..1, and how its fit ended. */
export type Trial = { readonly l2: number; readonly heldOutTop1: number; readonly fit: FitReport };

/** Tolerance of the trials: the hits that are compared settle long before the weights do. */
const TRIAL_TOLERANCE = 1e-3;

/**
 * Picks `l2` by top-1 on a held-out part of the *training* rows, then fits all of them with it.
 * @throws RangeError as `fitSoftmaxClassifier`, and when nothing can be held out or the grid is empty
 */
export async function fitWithSelection(
  options: SelectionOptions,
): Promise<{ readonly classifier: SoftmaxClassifier; readonly trials: readonly Trial[] }> {
  const { classes, seed, views = 1, l2Grid = L2_GRID, heldOutShare: share = HELD_OUT_SHARE } = options;
  if (l2Grid.length === 0) throw new RangeError("fitWithSelection: want at least one l2 to try, got none");
  expectLabelled("fitWithSelection", options);
  const { kept, heldOut } = stratifiedSplit({ labels: imageLabels(options.labels, views), classes, share, seed });
  const rows = { features: options.features, labels: options.labels, views };
  const judged = imageRows(rows, heldOut);
  const tolerance = Math.max(TRIAL_TOLERANCE, options.tolerance ?? 0);
  const candidates = await fitPath({ ...options, ...imageRows(rows, kept), l2s: l2Grid, tolerance });
  const trials = candidates.map((candidate): Trial => {
    const { top1 } = accuracy(candidate, judged);
    return { l2: candidate.fit.l2, heldOutTop1: top1, fit: candidate.fit };
  });
  const best = trials.reduce((a, b) =>
    b.heldOutTop1 > a.heldOutTop1 || (b.heldOutTop1 === a.heldOutTop1 && b.l2 > a.l2) ? b : a,
  );
  return { classifier: await fitSoftmaxClassifier({ ...options, l2: best.l2 }), trials };
}

/**
 * Classifiers for several `l2` on the same rows: standardized and compiled once, each fit begun where the last ended.
 * The search goes on in whitened coordinates; at zero weights the Hessian is `(X^T X / N + C l2 I) / C` but for the
 * coupling of classes, hence the ridge.
 */
async function fitPath(options: Omit<FitOptions, "l2"> & { l2s: readonly number[] }): Promise<SoftmaxClassifier[]> {
  const { engine, features, labels, classes, l2s, tolerance = 1e-4, maxIterations = 1000 } = options;
  const wrong = l2s.find((l2) => !(l2 >= 0));
  if (wrong !== undefined) throw new RangeError(`fitSoftmaxClassifier: want l2 >= 0, got ${wrong}`);
  const { D } = expectLabelled("fitSoftmaxClassifier", options);
  const standardization = measureStandardization(features, D);
  const data = { features: standardize(features, standardization), labels, classes };
  const covariance = await covarianceOf(engine, data.features, D);
  const objective = await compileSoftmaxObjective(engine, data);
  const classifiers: SoftmaxClassifier[] = [];
  try {
    let parameters: Float64Array = new Float64Array(objective.parameters);
    for (const l2 of l2s) {
      const white = whitening({ covariance, ridge: classes * l2 + LEAST_RIDGE });
      const { x, ...end } = await minimizeFrom(parameters, {
        objective,
        classes,
        l2,
        white,
        tolerance,
        maxIterations,
      });
      parameters = x;
      const split = D * classes;
      classifiers.push({ ...standardization, weights: x.slice(0, split), bias: x.slice(split), fit: { ...end, l2 } });
    }
  } finally {
    await objective.dispose();
  }
  return classifiers;
}

/** Above what rounding leaves of directions in which features do not vary; standardized features vary by 1. */
const LEAST_RIDGE = 1e-5;

/** What float32 makes of a gradient that is 0, as it is at zero weights where features say nothing of the classes. */
const ROUNDING = 1e-6;

type Search = Required<Pick<FitOptions, "l2" | "tolerance" | "maxIterations">> & {
  readonly objective: SoftmaxObjective;
  readonly classes: number;
  readonly white: Whitening;
};

/** Minimizes over weights [D, C] followed by biases; `gradientNorm` is that of the whitened gradient. */
async function minimizeFrom(start: Float64Array, search: Search): Promise<Minimum> {
  const { objective, l2, white, tolerance, maxIterations } = search;
  const split = start.length - search.classes;
  const onWeights = (parameters: Float64Array, map: (weights: Float64Array) => Float64Array): Float64Array => {
    const mapped = parameters.slice(); // biases stay: standardized features have mean 0
    mapped.set(map(parameters.subarray(0, split)));
    return mapped;
  };
  const evaluate = async (whitened: Float64Array) => {
    const { value, gradient } = await objective.evaluate(onWeights(whitened, white.restore), l2);
    return { value, gradient: onWeights(Float64Array.from(gradient), white.gradient) };
  };
  const from = onWeights(start, white.whiten);
  const atZero = largest((await evaluate(new Float64Array(start.length))).gradient);
  const here = largest((await evaluate(from)).gradient);
  const enough = Math.max(tolerance * atZero, ROUNDING); // measured by the one at zero weights, wherever it starts
  const relative = here > 0 ? enough / here : 0;
  const end = await minimize({ start: from, evaluate, tolerance: relative, maxIterations });
  return { ...end, x: onWeights(end.x, white.restore) };
}

function largest(vector: ArrayLike<number>): number {
  let norm = 0;
  for (let i = 0; i < vector.length; i++) norm = Math.max(norm, Math.abs(vector[i]!));
  return norm;
}
