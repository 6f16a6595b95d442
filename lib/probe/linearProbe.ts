/** How well a linear classifier tells classes apart by given features, and how well one does without any. */
import type { Engine } from "../engine/types.js";
import { type Accuracy, type Judgement, judge } from "./judge.js";
import { fitSoftmaxClassifier, fitWithSelection, L2_GRID, type SoftmaxClassifier } from "./softmaxClassifier.js";
import { stratifiedSubset } from "./stratifiedSubset.js";
import { imageLabels, imageRows, type LabelledRows } from "./views.js";

export type LinearProbeOptions = {
  readonly engine: Engine;
  /** Rows the classifier is fitted to, all views of an image with the same weight. */
  readonly train: LabelledRows;
  /** Images it is judged by, those with several views by the mean of their probabilities. */
  readonly test: LabelledRows;
  readonly classes: number;
  /**
   * Weight of the penalty; without it, the one of `L2_GRID` that is best on a tenth held out of `train`, or its
   * strongest where no class has an image to spare.
   */
  readonly l2?: number | undefined;
  /** Shares of each class's training images to fit another classifier to, above 0 and up to 1; none unless given. */
  readonly fractions?: readonly number[] | undefined;
  /** Decides which images are held out, and which are in a fraction. */
  readonly seed: number;
};

/** Accuracy on the test images, 0..1, the penalty it was had with, and whether the fit converged. */
export type Fit = Accuracy & { readonly l2: number; readonly converged: boolean };

/** The fit to a share of the training images, class by class. */
export type FractionFit = Fit & { readonly fraction: number; readonly images: number };

/** The fit to all training images and, where they were asked for, those to a part of them. */
export type LinearProbe = Fit & { readonly fractions?: readonly FractionFit[] };

/** A probe with what made it: the classifier that was fitted to all images, and what it takes for what. */
export type FittedProbe = {
  readonly probe: LinearProbe;
  readonly classifier: SoftmaxClassifier;
  readonly confusion: Judgement["confusion"];
};

/**
 * Fits a softmax classifier to the training rows and counts its hits on the test images, which it never sees before.
 * @throws RangeError when features, labels, views, classes or a fraction do not fit
 */
export async function linearProbe(options: LinearProbeOptions): Promise<FittedProbe> {
  const { train, test, classes, seed, fractions = [] } = options;
  const classifier = await fitted(options, train);
  const { confusion, ...accuracy } = judge(classifier, test);
  const parts: FractionFit[] = [];
  for (const share of fractions) {
    const chosen = stratifiedSubset({ labels: imageLabels(train.labels, train.views), classes, share, seed });
    const part = await fitted(options, imageRows(train, chosen));
    const { top1, top5 } = judge(part, test);
    parts.push({ fraction: share, images: chosen.length, top1, top5, ...endOf(part) });
  }
  const probe = { ...accuracy, ...endOf(classifier), ...(parts.length > 0 ? { fractions: parts } : {}) };
  return { probe, classifier, confusion };
}

const endOf = ({ fit }: SoftmaxClassifier) => ({ l2: fit.l2, converged: fit.converged });

function fitted({ engine, classes, seed, ...options }: LinearProbeOptions, rows: LabelledRows) {
  const images = imageLabels(rows.labels, rows.views);
  const spare = new Set(images).size < images.length;
  const l2 = options.l2 ?? (spare ? undefined : L2_GRID[0]!);
  const data = { engine, classes, ...rows };
  if (l2 !== undefined) return fitSoftmaxClassifier({ ...data, l2 });
  return fitWithSelection({ ...data, seed }).then(({ classifier }) => classifier);
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
