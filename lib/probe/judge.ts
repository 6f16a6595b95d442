/** What a classifier gets right and what it takes for what. */
import { largestAt, rankOf } from "./ranking.js";
import type { SoftmaxClassifier } from "./softmaxClassifier.js";
import { expectLabelled } from "./softmaxObjective.js";
import type { LabelledRows } from "./views.js";

/** Shares of images whose label has the best, and one of the five best, of the scores; both 0..1. */
export type Accuracy = { readonly top1: number; readonly top5: number };

export type Judgement = Accuracy & {
  /** Images of class `row` that were taken for class `column`, [C * C]. */
  readonly confusion: Uint32Array;
};

/**
 * Counts hits and confusions of a classifier on features as they came (not standardized). An image with several views
 * is judged by the mean of their probabilities. Equal scores rank in the order of the classes.
 * @throws RangeError when there are no rows, sizes do not fit, or a logit is not finite
 */
export function judge(classifier: SoftmaxClassifier, { features, labels, views = 1 }: LabelledRows): Judgement {
  const C = classifier.bias.length;
  const { N, D } = expectLabelled("accuracy", { features, labels, classes: C });
  if (D !== classifier.mean.length)
    throw new RangeError(`accuracy: want ${classifier.mean.length} features a row, got ${D}`);
  const images = N / views;
  if (!Number.isInteger(images)) throw new RangeError(`accuracy: want ${views} rows an image, got ${N} rows`);
  const confusion = new Uint32Array(C * C);
  let top1 = 0;
  let top5 = 0;
  for (let image = 0; image < images; image++) {
    const from = image * views;
    const scores = scoresOf(classifier, features.subarray(from * D, (from + views) * D), from);
    const label = labels[from]!;
    const guess = largestAt(scores);
    if (guess === label) top1++;
    if (rankOf(scores, label) < 5) top5++;
    confusion[label * C + guess]!++;
  }
  return { top1: top1 / images, top5: top5 / images, confusion };
}

/** `judge` without the confusions. */
export function accuracy(classifier: SoftmaxClassifier, rows: LabelledRows): Accuracy {
  const { top1, top5 } = judge(classifier, rows);
  return { top1, top5 };
}

/** A class among the images that a classifier was judged by. */
export type ClassAccuracy = {
  readonly images: number;
  /** Share of its images that were taken for it, 0..1; null where there are none. */
  readonly top1: number | null;
};

/**
 * Accuracy class by class.
 * @param confusion [C * C], as of `Judgement`
 */
export function classAccuracies(confusion: Uint32Array): ClassAccuracy[] {
  const C = Math.sqrt(confusion.length);
  return Array.from({ length: C }, (_, c) => {
    const images = confusion.subarray(c * C, (c + 1) * C).reduce((sum, count) => sum + count, 0);
    return { images, top1: images === 0 ? null : confusion[c * C + c]! / images };
  });
}

/** Logits of one row; of several, the mean of their probabilities. */
function scoresOf(classifier: SoftmaxClassifier, rows: Float32Array, first: number): Float64Array {
  const D = classifier.mean.length;
  const views = rows.length / D;
  const mean = new Float64Array(classifier.bias.length);
  for (let view = 0; view < views; view++) {
    const logits = logitsOf(classifier, rows.subarray(view * D, (view + 1) * D));
    if (!logits.every(Number.isFinite))
      throw new RangeError(`accuracy: row ${first + view} has logits that are not finite`);
    if (views === 1) return logits;
    const probabilities = softmax(logits);
    for (let c = 0; c < mean.length; c++) mean[c]! += probabilities[c]! / views;
  }
  return mean;
}

function logitsOf({ mean, scale, weights, bias }: SoftmaxClassifier, row: Float32Array): Float64Array {
  const logits = bias.slice();
  const C = bias.length;
  for (let d = 0; d < row.length; d++) {
    const value = (row[d]! - mean[d]!) / scale[d]!;
    for (let c = 0; c < C; c++) logits[c]! += value * weights[d * C + c]!;
  }
  return logits;
}

function softmax(logits: Float64Array): Float64Array {
  const highest = logits[largestAt(logits)]!;
  const parts = logits.map((logit) => Math.exp(logit - highest));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
}
