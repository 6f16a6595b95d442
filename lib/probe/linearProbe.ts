/** How well a linear classifier tells classes apart by given features, and how well one does without any. */
import type { Engine } from "../engine/types.js";
import { type Accuracy, accuracy, fitSoftmaxClassifier, fitWithSelection } from "./softmaxClassifier.js";

/** Features [N, D] and class ids [N] of the same images. */
export type LabelledRows = { readonly features: Float32Array; readonly labels: Int32Array };

export type LinearProbeOptions = {
  readonly engine: Engine;
  /** Rows the classifier is fitted to. */
  readonly train: LabelledRows;
  /** Rows it is judged by. */
  readonly test: LabelledRows;
  readonly classes: number;
  /** Weight of the penalty; without it, the one of `L2_GRID` that is best on a tenth held out of `train`. */
  readonly l2?: number | undefined;
  /** Decides which rows are held out. */
  readonly seed: number;
};

/** Accuracy on the test rows, 0..1, the penalty it was had with, and whether the fit converged. */
export type LinearProbe = Accuracy & { readonly l2: number; readonly converged: boolean };

/**
 * Fits a softmax classifier to the training rows and counts its hits on the test rows, which it never sees before.
 * @throws RangeError when features, labels or classes do not fit
 */
export async function linearProbe(options: LinearProbeOptions): Promise<LinearProbe> {
  const { engine, train, test, classes, l2, seed } = options;
  const data = { engine, ...train, classes };
  const classifier =
    l2 === undefined
      ? (await fitWithSelection({ ...data, seed })).classifier
      : await fitSoftmaxClassifier({ ...data, l2 });
  const { fit } = classifier;
  return { ...accuracy(classifier, test.features, test.labels), l2: fit.l2, converged: fit.converged };
}

export type MajorityOptions = {
  readonly trainLabels: Int32Array;
  readonly testLabels: Int32Array;
  readonly classes: number;
};

/** Accuracy of naming the most frequent (five) training classes whatever is shown; equal counts in class order. */
export function majorityAccuracy({ trainLabels, testLabels, classes }: MajorityOptions): Accuracy {
  const counts = new Uint32Array(classes);
  for (const label of trainLabels) counts[label]!++;
  const ranked = [...counts.keys()].sort((a, b) => counts[b]! - counts[a]! || a - b);
  const share = (guesses: readonly number[]) =>
    testLabels.filter((label) => guesses.includes(label)).length / testLabels.length;
  return { top1: share(ranked.slice(0, 1)), top5: share(ranked.slice(0, 5)) };
}
