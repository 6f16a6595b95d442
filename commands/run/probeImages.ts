/** The baselines of `probe` that need the encoded images themselves. */
import { openSource } from "../../lib/data/source.js";
import { DataError, FileError } from "../../lib/errors.js";
import { type ImageFeatureOptions, imageFeatures } from "../../lib/probe/imageFeatures.js";
import type { LabelledRows } from "../../lib/probe/views.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { ProbeConfig } from "../probe.js";
import type { LabelledTokens } from "./probeTokens.js";

/** Why there is no such baseline. */
export type Missing = { readonly reason: string };

export type ImageView = Pick<ImageFeatureOptions, "size" | "channels" | "resize" | "featuresOf">;

type Where = {
  /** Where the images are, if no longer where they were encoded. */
  readonly given: string | undefined;
  readonly view: ImageView;
  readonly label: string;
  readonly reporter: Reporter;
};

/**
 * Features and labels of the images that are in the token file: the first sound ones of its source, as many as it has,
 * one centred view of each.
 * @throws DataError when that source is gone or its labels are not those of the file
 */
export async function imagesOf(
  { tokens, images: limit, views, labels }: LabelledTokens,
  { given, view, label, reporter }: Where,
): Promise<LabelledRows> {
  const source = await openSource(given ?? tokens.source);
  const bar = reporter.bar({ total: limit, unit: "images", label });
  const found = await imageFeatures({ source, ...view, limit, onProgress: (images) => bar.update(images) });
  bar.stop();
  const wanted = Int32Array.from({ length: limit }, (_, i) => labels[i * views]!);
  if (found.labels.length !== limit)
    throw new DataError(`${source.path}: want the ${limit} images of ${tokens.path}, got ${found.labels.length}`);
  const other = found.labels.findIndex((label, i) => label >= 0 && label !== wanted[i]);
  if (other >= 0)
    throw new DataError(
      `${source.path}: not the images of ${tokens.path}: number ${other} has label ${found.labels[other]}, ` +
        `want ${wanted[other]}`,
    );
  return { features: found.features, labels: wanted };
}

/** How the tokenizer's images were brought to a square. */
export function resizeOf({ tokens }: LabelledTokens): "cover" | "squash" {
  return tokens.extra["resize"] === "squash" ? "squash" : "cover";
}

export type Optional = {
  /** "raw-pixel", "stage-1" */
  readonly name: string;
  /** What the user named, so that failing on it is an error: the images, the tokenizer. */
  readonly named: { readonly images: boolean; readonly tokenizer?: boolean };
  readonly reporter: Reporter;
};

/**
 * A baseline or, with a warning, the reason why there is none.
 * @throws DataError when images that were named do not do, FileError when such a tokenizer does not
 */
export async function orReason<T>({ name, named, reporter }: Optional, body: () => Promise<T>): Promise<T | Missing> {
  try {
    return await body();
  } catch (error) {
    const pardoned =
      (error instanceof DataError && !named.images) || (error instanceof FileError && named.tokenizer === false);
    if (!pardoned) throw error;
    reporter.warn(`no ${name} baseline: ${error.message}`);
    return { reason: error.message };
  }
}

/** Whether the user said where the images are. */
export const namesImages = ({ trainData, testData }: Pick<ProbeConfig, "trainData" | "testData">): boolean =>
  trainData !== undefined || testData !== undefined;
