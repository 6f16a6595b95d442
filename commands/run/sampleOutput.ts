/** The folder that `sample` writes: PNGs, a labelled grid, an index. */
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
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

const GRID_COLUMNS = 10;

export type Drawn = {
  images: Float32Array;
  drawn: readonly (DrawnImage & Partial<Pick<CompletionPlan, "original" | "way">>)[];
  classNames: readonly string[];
  /** What decoded them. */
  decoder: TokenizerConfig;
  rejection: Rejection | undefined;
  rules: Rules;
  /** Of images that were completed: a picture in place of the grid, and how they came about. */
  completion?: { readonly picture: Canvas; readonly facts: object };
};

export async function writeSamples(
  config: SampleConfig,
  { images, drawn, classNames, decoder, rejection, rules, completion }: Drawn,
): Promise<void> {
  const { imageSize, channels } = decoder;
  const size = { height: imageSize, width: imageSize, channels };
  const pixels = images.length / drawn.length;
  await mkdir(config.out, { recursive: true });
  for (const [i] of drawn.entries())
    await writeImage(path.join(config.out, numberedName(i)), images.subarray(i * pixels, (i + 1) * pixels), size);
  const picture = completion?.picture ?? gridOf({ images, drawn, classNames, size });
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

function gridOf({
  images,
  drawn,
  classNames,
  size,
}: Pick<Drawn, "images" | "drawn" | "classNames"> & { size: ImageSize }) {
  const labels = drawn.map(({ classId }) => classId);
  const conditional = labels.some((label) => label < classNames.length);
  return conditional
    ? classGrid({ images, size, labels, classNames, perClass: GRID_COLUMNS })
    : imageGrid({ images, size, columns: GRID_COLUMNS });
}

/** @throws UsageError when the folder is not empty and may not be replaced */
export async function expectFree(out: string, force: boolean): Promise<void> {
  if (force || !existsSync(out) || (await readdir(out)).length === 0) return;
  throw new UsageError(`${out} is not empty; --force replaces what is there, or name another folder`);
}
