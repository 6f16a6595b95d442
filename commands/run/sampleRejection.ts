/** Rejection sampling: of many drawn images of a class those are kept that a classifier is surest of. */
import path from "node:path";
import { FileError, UsageError } from "../../lib/errors.js";
import { expectVim, openClassifier } from "../../lib/probe/classifier.js";
import { readClassifier } from "../../lib/probe/classifierFile.js";
import { classOf } from "./classify.js";
import { isOnnxFile, openImageJudge } from "./sampleImageJudge.js";
import { type Asked, expectKnown, type Judge, type Wanted, wantedNames } from "./sampleJudge.js";

export type Rejection = {
  readonly judge: Judge;
  /** Share of the drawn images that is kept, 0..1. */
  readonly acceptance: number;
};

/**
 * Opens a classifier of probe, or an ONNX classifier of images, and checks that it can judge what is to be drawn.
 * @throws FileError when it is damaged, was fitted to the codes of another tokenizer, its VIM is gone, or it takes no images
 * @throws UsageError when it does not know a class, or there is none to be sure of
 */
export async function openRejection(
  asked: Asked & { readonly acceptance: number },
  wanted: Wanted,
): Promise<Rejection> {
  if (wanted.classIds.some((id) => id >= wanted.classNames.length))
    throw new UsageError("--reject-with: images without a class have none to judge");
  const judge = isOnnxFile(asked.rejectWith) ? await openImageJudge(asked, wanted) : await openCodeJudge(asked, wanted);
  return { judge, acceptance: asked.acceptance };
}

/** A classifier of probe, which sees codes. */
async function openCodeJudge(
  { rejectWith: file, rejectVim }: Asked,
  { classNames, classIds, tokenizerHash }: Wanted,
): Promise<Judge> {
  const stored = await readClassifier(file);
  const { tokenizer, vim, classNames: known } = stored;
  if (tokenizer.hash !== tokenizerHash)
    throw new FileError(
      `${file}: it judges the codes of another tokenizer (${tokenizer.hash.slice(0, 12)}, here ` +
        `${tokenizerHash.slice(0, 12)}); probe a VIM on the codes of this one`,
    );
  const { map: toClass } = classOf(classNames, known);
  expectKnown(wantedNames({ classNames, classIds }), (_, i) => toClass(classIds[i]!) >= 0);
  await expectVim(stored, rejectVim); // now, not after hours of drawing
  return {
    facts: { classifier: path.resolve(file), vim: vim.hash },
    confidences: async (drawn, { engine, batch }) => {
      const batchSize = Math.min(batch.draw, drawn.classIds.length);
      const classifier = await openClassifier(file, { engine, batchSize, vim: rejectVim });
      try {
        const probabilities = await classifier.classify(drawn.codes);
        return Float32Array.from(drawn.classIds, (id, i) => probabilities[i * known.length + toClass(id)]!);
      } finally {
        await classifier.close();
      }
    },
  };
}

/** Images to draw for `count` to be kept. */
export function candidatesFor(count: number, acceptance: number): number {
  return Math.max(count, Math.round(count / acceptance));
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
    for (const i of own.slice(0, count)) kept.push(i); // more, perhaps, than a call takes arguments
  }
  return kept.sort((a, b) => a - b);
}
