/** The folder that `sample` writes: PNGs, a labelled grid, an index. */
import path from "node:path";
import { makeFolder, writeAtomically, writeJson } from "../../lib/files/atomic.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { encodePng } from "../../lib/ui/canvas.js";
import type { SampleConfig } from "../sample.js";
import { numberedName, removeNumbered, writeImage } from "../support/images.js";
import type { CompletionPlan } from "./completionPlan.js";
import type { DrawnImage } from "./sampleDrawing.js";
import { type GrowingPicture, openGrid } from "./sampleGrid.js";
import type { Rejection } from "./sampleRejection.js";
import type { Rules } from "./sampleRules.js";

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
  completion?: { readonly picture: GrowingPicture; readonly facts: object };
};

/**
 * Writes the folder; what an earlier call left in it goes once the first images are there, and the picture comes last.
 * @returns what the picture shows where that is not all
 */
export async function writeSamples(
  config: SampleConfig,
  { images, drawn, classNames, decoder, rejection, rules, completion }: Drawn,
): Promise<GrowingPicture["part"]> {
  const { imageSize, channels } = decoder;
  const size = { height: imageSize, width: imageSize, channels };
  await makeFolder(config.out);
  const classIds = drawn.map(({ classId }) => classId);
  const picture = completion?.picture ?? openGrid(classIds, { classNames, size });
  let i = 0;
  for await (const part of images) {
    if (i === 0) await removeNumbered(config.out, ["grid.png", "completions.png", "index.json"]);
    for (const image of split(part, imageSize ** 2 * channels)) {
      await writeImage(path.join(config.out, numberedName(i)), image, size);
      picture.offer(i, image);
      i++;
    }
  }
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
  const name = completion ? "completions.png" : "grid.png";
  await writeAtomically(path.join(config.out, name), await encodePng(picture.draw()));
  return picture.part;
}

function* split(images: Float32Array, size: number): Generator<Float32Array> {
  for (let from = 0; from < images.length; from += size) yield images.subarray(from, from + size);
}
