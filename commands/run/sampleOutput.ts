/** The folder that `sample` writes: PNGs, a labelled grid, an index. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { type Canvas, encodePng } from "../../lib/ui/canvas.js";
import { classGrid } from "../../lib/ui/gridCompositions.js";
import { imageGrid } from "../../lib/ui/imageGrid.js";
import type { SampleConfig } from "../sample.js";
import { type ImageSize, numberedName, writeImage } from "../support/images.js";
import type { CompletionPlan } from "./completionPlan.js";
import type { DrawnImage } from "./sampleDrawing.js";
import type { Rejection } from "./sampleRejection.js";
import type { Rules } from "./sampleRules.js";

const GRID_COLUMNS = 10; // of a class
const GRID_IMAGES = 400; // without a class

export type Drawn = {
  /** In the order of `drawn`, some at a time, each part [n, H, W, C]. */
  images: Iterable<Float32Array> | AsyncIterable<Float32Array>;
  drawn: readonly (DrawnImage & Partial<Pick<CompletionPlan, "original" | "way">>)[];
  classNames: readonly string[];
  /** What decoded them. */
  decoder: TokenizerConfig;
  rejection: Rejection | undefined;
  rules: Rules;
  /** Of images that were completed: a picture in place of the grid, and how they came about. */
  completion?: { readonly picture: Canvas; readonly facts: object };
};

/** Writes the folder; what an earlier call left in it goes first. */
export async function writeSamples(
  config: SampleConfig,
  { images, drawn, classNames, decoder, rejection, rules, completion }: Drawn,
): Promise<void> {
  const { imageSize, channels } = decoder;
  const size = { height: imageSize, width: imageSize, channels };
  await mkdir(config.out, { recursive: true });
  await removeOld(config.out);
  const shown = completion ? new Map<number, Float32Array>() : placesInGrid(drawn, classNames);
  let i = 0;
  for await (const part of images)
    for (const image of split(part, imageSize ** 2 * channels)) {
      await writeImage(path.join(config.out, numberedName(i)), image, size);
      if (shown.has(i)) shown.set(i, image.slice());
      i++;
    }
  const picture = completion?.picture ?? gridOf(shown, { drawn, classNames, size });
  await writeAtomically(path.join(config.out, completion ? "completions.png" : "grid.png"), await encodePng(picture));
  const { filters, guidance } = rules;
  await writeJson(path.join(config.out, "index.json"), {
    images: drawn.map(({ classId, seed, confidence, original, way }, i) => ({
      file: numberedName(i),
      class: classId < classNames.length ? classId : null,
      className: classNames[classId] ?? null,
      seed,
      ...(original === undefined ? {} : { original, way }),
      ...(filters.own.has(classId) ? { filter: filters.own.get(classId) } : {}),
      ...(confidence === undefined ? {} : { confidence }),
    })),
    filter: filters.general,
    ...(guidance ? { guidance } : {}),
    ...(completion ? { completion: completion.facts } : {}),
    ...(rejection ? { rejection: { ...rejection.judge.facts, acceptance: rejection.acceptance } } : {}),
    ...(config.seeds === undefined ? { seed: config.seed } : {}),
    vim: path.resolve(config.vim),
    ...(config.decoder === undefined ? {} : { decoder: path.resolve(config.decoder) }),
  });
}

/** The first images of each class, and of those without one, to be filled in. */
function placesInGrid(drawn: Drawn["drawn"], classNames: readonly string[]): Map<number, Float32Array> {
  const counts = new Map<number, number>();
  const places = new Map<number, Float32Array>();
  for (const [i, { classId }] of drawn.entries()) {
    const count = counts.get(classId) ?? 0;
    counts.set(classId, count + 1);
    if (count < (classId < classNames.length ? GRID_COLUMNS : GRID_IMAGES)) places.set(i, new Float32Array(0));
  }
  return places;
}

function gridOf(
  shown: ReadonlyMap<number, Float32Array>,
  { drawn, classNames, size }: Pick<Drawn, "drawn" | "classNames"> & { size: ImageSize },
): Canvas {
  const labels = [...shown.keys()].map((i) => drawn[i]!.classId);
  const pixels = size.height * size.width * size.channels;
  const images = new Float32Array(shown.size * pixels);
  for (const [at, image] of [...shown.values()].entries()) images.set(image, at * pixels);
  const conditional = labels.some((label) => label < classNames.length);
  return conditional
    ? classGrid({ images, size, labels, classNames, perClass: GRID_COLUMNS })
    : imageGrid({ images, size, columns: GRID_COLUMNS });
}

async function removeOld(out: string): Promise<void> {
  const ours = /^(\d{6,}\.png|grid\.png|completions\.png|index\.json)$/;
  for (const entry of await readdir(out, { withFileTypes: true }))
    if (entry.isFile() && ours.test(entry.name)) await rm(path.join(out, entry.name));
}

function* split(images: Float32Array, size: number): Generator<Float32Array> {
  for (let from = 0; from < images.length; from += size) yield images.subarray(from, from + size);
}

/** @throws UsageError when it is a file, or a folder that is not empty and may not be replaced */
export async function expectFree(out: string, force: boolean): Promise<void> {
  if (!existsSync(out)) return;
  if (!(await stat(out)).isDirectory()) throw new UsageError(`--out: ${out} is a file; name a folder`);
  if (force || (await readdir(out)).length === 0) return;
  throw new UsageError(`${out} is not empty; --force replaces what is there, or name another folder`);
}
