/** What is to be completed: which images, as which class, how much of them is kept, and each way's stream. */
import type { ImageSource } from "../../lib/data/source.js";
import { spreadPlaces, thinned } from "../../lib/data/thinned.js";
import { UsageError } from "../../lib/errors.js";
import { noClass, type VimConfig } from "../../lib/models/vim.js";
import { streamSeed } from "../../lib/random.js";
import type { Filter } from "../../lib/sample/draw.js";
import type { SampleConfig } from "../sample.js";
import { openImages } from "../support/openImages.js";
import { classOf } from "./classify.js";
import type { Originals } from "./completionOriginals.js";
import { filterFor, type SampleFilters } from "./sampleFilters.js";
import { type Plan, wantedClasses } from "./samplePlan.js";

export type Task = {
  /** The images to complete, all that were given or some. */
  readonly source: ImageSource;
  /** Place of each among all that were given. */
  readonly places: readonly number[];
  /** Class id that each is completed as. */
  readonly classIds: readonly number[];
  readonly keptRows: number;
  /** Codes in the kept rows. */
  readonly prefixLength: number;
};

export type CompletionPlan = Plan & {
  /** Name of the image in its set. */
  readonly original: string;
  /** Which of its completions, from 1. */
  readonly way: number;
  /** Kept codes. */
  readonly prefix: Int32Array;
};

type Model = {
  readonly model: VimConfig;
  readonly classNames: readonly string[];
  readonly warn: (message: string) => void;
};

/**
 * Opens the images and finds their classes.
 * @throws UsageError when there is one row of codes only, an image has no class and the model wants one, or several
 *   classes are asked for
 */
export async function taskOf(path: string, config: SampleConfig, known: Model): Promise<Task> {
  const [rows, columns] = known.model.grid;
  const keptRows = rowsToKeep(config.keep, rows);
  const all = await openImages(path, { labels: config.labels, warn: known.warn });
  const places = spreadPlaces(config.limit ?? all.count, all.count);
  const source = thinned(all, places);
  const classIds = classesOf(source, config, known);
  return { source, places, classIds, keptRows, prefixLength: keptRows * columns };
}

/**
 * `share` of the rows, rounded, but at least one and not all.
 * @throws UsageError when there are less than two
 */
export function rowsToKeep(share: number, rows: number): number {
  if (rows < 2)
    throw new UsageError("--complete: this model's images are one row of codes, of which no part can be kept");
  return Math.min(rows - 1, Math.max(1, Math.round(share * rows)));
}

/** @throws UsageError when there are several ways, and filters that always take the likeliest code */
export function expectDifferentWays(ways: number, filters: SampleFilters, classIds: readonly number[]): void {
  const certain = ({ temperature, topK }: Filter) => temperature === 0 || topK === 1;
  if (ways === 1 || !classIds.every((id) => certain(filterFor(filters, id)))) return;
  throw new UsageError(
    `--ways: ${ways} completions of an image would be alike at --temperature 0 or --top-k 1; want --ways 1, or draw from ` +
      "more codes",
  );
}

/** Every way of every image, from a stream of its own, which neither the number of ways nor that of images changes. */
export function planCompletions(
  { source, places, classIds, prefixLength }: Task,
  { originals, seed, ways }: { originals: Originals; seed: number; ways: number },
): CompletionPlan[] {
  const perImage = originals.codes.length / originals.indices.length;
  return originals.indices.flatMap((index, row) =>
    Array.from({ length: ways }, (_, way) => ({
      classId: classIds[index]!,
      seed: streamSeed(seed, "complete", places[index]!, way),
      original: source.name(index),
      way: way + 1,
      prefix: originals.codes.subarray(row * perImage, row * perImage + prefixLength),
    })),
  );
}

/** The class that is asked for, else each image's own, by name or by number where there are no names; else none. */
function classesOf(source: ImageSource, config: SampleConfig, { model, classNames, warn }: Model): number[] {
  const each = (of: (i: number) => number) => Array.from({ length: source.count }, (_, i) => of(i));
  if (config.classes || config.unconditional || model.classes === 0) {
    const [first, second] = wantedClasses(config, model, classNames);
    if (second !== undefined)
      throw new UsageError("--classes: want one class that all images are completed as, or none for their own");
    return each(() => first!);
  }
  const { map } = classOf(source.classNames, classNames);
  const found = each((i) => map(source.label(i)));
  const strange = found.flatMap((id, i) => (id < 0 ? [i] : []));
  const [example] = strange;
  if (example === undefined) return found;
  if (model.classless === false)
    throw new UsageError(
      `--complete: ${source.name(example)} is of no class of this model, which completes nothing without one; name one ` +
        "with --classes",
    );
  warn(
    `${strange.length} of ${source.count} images, for instance ${source.name(example)}, are of no class of this model and ` +
      "completed without one; --classes names one",
  );
  return found.map((id) => (id < 0 ? noClass(model) : id));
}
