/** Rejection sampling: of many drawn images of a class those are kept that a classifier is surest of. */
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import { openClassifier } from "../../lib/probe/classifier.js";
import { readClassifier, type StoredClassifier } from "../../lib/probe/classifierFile.js";
import { classOf } from "./classify.js";

export type Rejection = {
  readonly classifier: StoredClassifier;
  /** The classifier's class of a class of the VIM. */
  readonly toClass: (classId: number) => number;
  /** Share of the drawn images that is kept, 0..1. */
  readonly acceptance: number;
};

type Asked = { readonly rejectWith: string; readonly acceptance: number };

type Drawn = {
  readonly classNames: readonly string[];
  /** Classes that are to be drawn. */
  readonly classIds: readonly number[];
  readonly tokenizerHash: string;
};

/**
 * Reads the classifier and checks that it can judge what is to be drawn.
 * @throws FileError when it was fitted to the codes of another tokenizer
 * @throws UsageError when it does not know a class, or there is none to be sure of
 */
export async function openRejection({ rejectWith, acceptance }: Asked, drawn: Drawn): Promise<Rejection> {
  const classifier = await readClassifier(rejectWith);
  if (classifier.tokenizer.hash !== drawn.tokenizerHash)
    throw new FileError(
      `${rejectWith}: it judges the codes of another tokenizer (${classifier.tokenizer.hash.slice(0, 12)}, here ` +
        `${drawn.tokenizerHash.slice(0, 12)}); probe a VIM on the codes of this one`,
    );
  const { map } = classOf(drawn.classNames, classifier.classNames);
  for (const id of drawn.classIds) {
    if (id >= drawn.classNames.length) throw new UsageError("--reject-with: images without a class have none to judge");
    if (map(id) < 0)
      throw new UsageError(`--reject-with: the classifier knows no class "${drawn.classNames[id]}"; leave it out`);
  }
  return { classifier, toClass: map, acceptance };
}

/** Images to draw for `count` to be kept. */
export function candidatesFor(count: number, acceptance: number): number {
  return Math.max(count, Math.round(count / acceptance));
}

type Judging = { readonly engine: Engine; readonly batchSize: number };

/** Probability of each image's own class, [N], of codes [N, T]. */
export async function confidences(
  { classifier: { path }, toClass }: Rejection,
  { codes, classIds }: { readonly codes: Int32Array; readonly classIds: readonly number[] },
  { engine, batchSize }: Judging,
): Promise<Float32Array> {
  const classifier = await openClassifier(path, { engine, batchSize });
  try {
    const probabilities = await classifier.classify(codes);
    const K = classifier.classNames.length;
    return Float32Array.from(classIds, (classId, i) => probabilities[i * K + toClass(classId)]!);
  } finally {
    await classifier.close();
  }
}

/**
 * Which images are kept: of each class as many as are wanted, the surest; among equals the first drawn.
 * @param shares how many are wanted of each class, by class id
 * @returns places of the kept ones, in order of drawing
 */
export function surest(
  classIds: readonly number[],
  confidence: ArrayLike<number>,
  shares: ReadonlyMap<number, number>,
): number[] {
  const kept: number[] = [];
  for (const [classId, count] of shares) {
    const own = classIds.flatMap((id, i) => (id === classId ? [i] : []));
    own.sort((a, b) => confidence[b]! - confidence[a]! || a - b);
    kept.push(...own.slice(0, count));
  }
  return kept.sort((a, b) => a - b);
}
