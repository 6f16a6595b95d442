/** The work of `classify`: images or codes in, their likeliest classes out, and how many are right where that is known. */
import { evenBatch } from "../../lib/engine/evenBatch.js";
import { DataError } from "../../lib/errors.js";
import { writeAtomically } from "../../lib/files/atomic.js";
import { openClassifier } from "../../lib/probe/classifier.js";
import { readClassifier } from "../../lib/probe/classifierFile.js";
import { rankOf, topClasses } from "../../lib/probe/ranking.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../classify.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { expectFilePlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { type ClassifyInput, openInput } from "./classifyInput.js";
import { type ClassifiedImage, linesOf } from "./classifyLines.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, dryRun, force, result, warn } = context;
  if (!dryRun) await expectFilePlace("--out", config.out, { force });
  const stored = await readClassifier(config.with);
  const { classNames } = stored;
  const input = await openInput(config, stored, warn);
  const reporter = await openReporter(context);
  try {
    const toClass = classOf(input.classNames, classNames);
    for (const warning of toClass.warnings) reporter.warn(`${input.path}: ${warning}`);
    if (dryRun)
      return result(
        { dryRun: true, images: input.count, classes: classNames.length, block: stored.block },
        `would classify ${formatInteger(input.count)} images, ${classNames.length} classes`,
      );
    const { images, scores } = await classifyAll(context, { input, toClass: toClass.map, reporter });
    const lines = linesOf(images, config.format);
    const summary = summaryOf(scores);
    if (config.out !== undefined) {
      await writeAtomically(config.out, lines);
      return result({ ...scores, out: config.out }, `${config.out}: ${summary}`);
    }
    if (config.format !== "text") reporter.info(summary); // stdout is for a program
    result({ ...scores, rows: images }, config.format === "text" ? `${lines}${summary}` : lines);
  } finally {
    reporter.stop();
    await input.close();
  }
}

type Scores = {
  readonly images: number;
  /** Images whose class is known to data and classifier; the shares are of them, null where there are none. */
  readonly labelled: number;
  readonly top1: number | null;
  readonly top5: number | null;
};

type Work = {
  readonly input: ClassifyInput;
  readonly toClass: (label: number) => number;
  readonly reporter: Reporter;
};

async function classifyAll(
  { config }: Context,
  { input, toClass, reporter }: Work,
): Promise<{ images: ClassifiedImage[]; scores: Scores }> {
  const engine = await engineOf(config);
  const batchSize = evenBatch(input.count * input.views, config.batchSize);
  const classifier = await openClassifier(config.with, { engine, batchSize, vim: config.vim });
  const { classNames } = classifier;
  const images: ClassifiedImage[] = [];
  let [labelled, first, amongFive] = [0, 0, 0];
  try {
    const bar = reporter.bar({ total: input.count, unit: "images", label: "classifying" });
    for await (const { names, labels, codes } of input.batches(engine, reporter)) {
      const probabilities = meanOfViews(await classifier.classify(codes), input.views, classNames.length);
      for (const [i, image] of names.entries()) {
        const row = probabilities.subarray(i * classNames.length, (i + 1) * classNames.length);
        const label = labels[i]!;
        const classes = topClasses(row, config.top).map((c) => ({ name: classNames[c]!, probability: row[c]! }));
        images.push({ image, label: label < 0 ? null : (input.classNames?.[label] ?? String(label)), classes });
        const known = toClass(label);
        if (known < 0) continue;
        labelled++;
        if (rankOf(row, known) < 1) first++;
        if (rankOf(row, known) < 5) amongFive++;
      }
      bar.update(images.length);
    }
    bar.stop();
  } finally {
    await classifier.close();
  }
  if (images.length === 0) throw new DataError(`${input.path}: it has no images to classify`);
  const share = (hits: number) => (labelled === 0 ? null : hits / labelled);
  return { images, scores: { images: images.length, labelled, top1: share(first), top5: share(amongFive) } };
}

/** Of probabilities [N * views, C] the mean over the views of each image, [N, C]. */
function meanOfViews(probabilities: Float32Array, views: number, classes: number): Float32Array {
  if (views === 1) return probabilities;
  const mean = new Float32Array(probabilities.length / views);
  for (let i = 0; i < probabilities.length; i++) {
    const image = Math.floor(i / (views * classes));
    mean[image * classes + (i % classes)]! += probabilities[i]! / views;
  }
  return mean;
}

function summaryOf({ images, labelled, top1, top5 }: Scores): string {
  const count = `${formatInteger(images)} images`;
  if (top1 === null || top5 === null) return count;
  const of = labelled === images ? "" : ` of the ${formatInteger(labelled)} with a known class`;
  return `${count}, ${formatPercent(top1)} top-1, ${formatPercent(top5)} top-5${of}`;
}

/**
 * How labels of the data become classes of the classifier: by name, or by number where one side has no other names;
 * -1 where a class is not known to the classifier.
 */
export function classOf(names: readonly string[] | undefined, classNames: readonly string[]) {
  const warnings: string[] = [];
  if (!names || isNumbers(names) || isNumbers(classNames))
    return { map: (label: number) => (label < classNames.length ? label : -1), warnings };
  const unknown = names.filter((name) => !classNames.includes(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).join(", ") + (unknown.length > 5 ? ` and ${unknown.length - 5} more` : "");
    warnings.push(`images of classes that the classifier does not know are not judged: ${some}`);
  }
  return { map: (label: number) => (label < 0 ? -1 : classNames.indexOf(names[label]!)), warnings };
}

const isNumbers = (names: readonly string[]): boolean => names.every((name, i) => name === String(i));
