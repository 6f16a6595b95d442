/** What `sample` draws: how many images of which class, each from a stream of its own. */
import { UsageError } from "../../lib/errors.js";
import { noClass, type VimConfig } from "../../lib/models/vim.js";
import { streamSeed } from "../../lib/random.js";
import { formatInteger } from "../../lib/ui/format.js";
import { MOST_IMAGES, type SampleConfig } from "../sample.js";
import type { LoadedModel } from "../support/models.js";
import { didYouMean } from "../support/nearest.js";
import { candidatesFor, type Rejection } from "./sampleRejection.js";

/** One image to draw. */
export type Plan = { readonly classId: number; readonly seed: number };

const PER_CLASS = 10;

/** How many images each class gets, in order of drawing. */
export function sharesOf(config: SampleConfig, model: VimConfig, classNames: readonly string[]): Map<number, number> {
  const classIds = wantedClasses(config, model, classNames);
  const count = config.count ?? PER_CLASS * classIds.length;
  const shares = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const classId = classIds[Math.floor((i * classIds.length) / count)]!;
    shares.set(classId, (shares.get(classId) ?? 0) + 1);
  }
  return shares;
}

/**
 * Which classes to draw, and from which stream each image comes.
 * @throws UsageError when so few are kept that too many would have to be drawn
 */
export function planImages(
  seed: number,
  shares: ReadonlyMap<number, number>,
  rejection: Rejection | undefined,
): Plan[] {
  const drawn = [...shares].map(
    ([classId, count]) => [classId, rejection ? candidatesFor(count, rejection.acceptance) : count] as const,
  );
  const all = drawn.reduce((sum, [, count]) => sum + count, 0);
  if (all > MOST_IMAGES)
    throw new UsageError(
      `--acceptance: to keep so few, ${formatInteger(all)} images would be drawn, want at most ` +
        `${formatInteger(MOST_IMAGES)}; keep a larger share, or fewer images`,
    );
  const classIds = drawn.flatMap(([classId, count]) => new Array<number>(count).fill(classId));
  return classIds.map((classId, i) => ({ classId, seed: streamSeed(seed, "sample", i) }));
}

/**
 * The classes asked for, all unless any are; `noClass` for images without one.
 * @throws UsageError when the model does not know them, or options exclude each other
 */
export function wantedClasses(
  { classes, unconditional }: SampleConfig,
  model: VimConfig,
  names: readonly string[],
): number[] {
  if (unconditional && model.classless === false)
    throw new UsageError("--unconditional: this model knows no images without a class; leave it out");
  if (unconditional && classes) throw new UsageError("--classes and --unconditional exclude each other");
  if (model.classes === 0 && classes) throw new UsageError("--classes: this model was trained without classes");
  if (unconditional || model.classes === 0) return [noClass(model)];
  if (!classes) return Array.from({ length: model.classes }, (_, i) => i);
  return classes.map((wanted) => classIdOf(wanted, { names, flag: "--classes" }));
}

/** @throws UsageError when there is no class of that name or number */
export function classIdOf(wanted: string, { names, flag }: { names: readonly string[]; flag: string }): number {
  const named = names.indexOf(wanted);
  const id = named >= 0 ? named : Number(wanted);
  if (Number.isInteger(id) && id >= 0 && id < names.length) return id;
  throw new UsageError(
    `${flag}: no class "${wanted}"${didYouMean(wanted, names)}; there are ${names.length}: ${names.slice(0, 20).join(", ")}`,
  );
}

export function namesOf({ model, stored }: LoadedModel<VimConfig>): string[] {
  const { classNames = [] } = (stored.config["data"] ?? {}) as { classNames?: readonly string[] };
  return Array.from({ length: model.classes }, (_, i) => classNames[i] ?? String(i));
}
