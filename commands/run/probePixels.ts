/** The baseline of `probe` that no model has a part in: a linear classifier on the pixels of the encoded images. */
import { openSource } from "../../lib/data/source.js";
import type { Engine } from "../../lib/engine/types.js";
import { DataError } from "../../lib/errors.js";
import { type LabelledRows, type LinearProbe, linearProbe } from "../../lib/probe/linearProbe.js";
import { pixelFeatures } from "../../lib/probe/pixels.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { ProbeConfig } from "../probe.js";
import type { LabelledPair, LabelledTokens } from "./probeTokens.js";

export type PixelBaseline = LinearProbe & {
  /** Side the images were brought to, and their channels: size * size * channels features. */
  readonly size: number;
  readonly channels: number;
};

export type PixelBaselineOptions = {
  readonly config: ProbeConfig;
  readonly pair: LabelledPair;
  readonly engine: Engine;
  readonly reporter: Reporter;
};

/** Softmax regression has little use for more pixels, and memory for fewer images. */
const LARGEST_SIDE = 32;

/**
 * Accuracy on pixels, or the reason why there is none: the images are gone, or are others than those encoded.
 * @throws DataError for that reason if the data was named by an option
 */
export async function pixelBaseline(options: PixelBaselineOptions): Promise<PixelBaseline | { reason: string }> {
  const { config, pair, engine, reporter } = options;
  if (!config.rawPixels) return { reason: "left out (--no-raw-pixels)" };
  try {
    const view = viewOf(pair.train, config.pixelSize);
    const train = await pixelsOf(pair.train, { given: config.trainData, view, reporter });
    const test = await pixelsOf(pair.test, { given: config.testData, view, reporter });
    const spinner = reporter.spinner("fitting on raw pixels");
    const { classes } = pair;
    const probe = await linearProbe({ engine, train, test, classes, l2: config.l2, seed: config.seed });
    spinner.succeed("fitted on raw pixels");
    return { ...probe, size: view.size, channels: view.channels };
  } catch (error) {
    const named = config.trainData !== undefined || config.testData !== undefined;
    if (!(error instanceof DataError) || named) throw error;
    reporter.warn(`no raw-pixel baseline: ${error.message}`);
    return { reason: error.message };
  }
}

type PixelView = { readonly size: number; readonly channels: 1 | 3; readonly resize: "cover" | "squash" };

/** How the tokenizer saw the images, but smaller where they are large. */
function viewOf({ tokens }: LabelledTokens, size: number | undefined): PixelView {
  const { imageSize, channels, resize } = tokens.extra;
  const side = size ?? Math.min(Number(imageSize), LARGEST_SIDE);
  if (!(side >= 1) || (channels !== "1" && channels !== "3"))
    throw new DataError(`${tokens.path}: it does not say how large its images were and how many channels they had`);
  return { size: side, channels: channels === "1" ? 1 : 3, resize: resize === "squash" ? "squash" : "cover" };
}

type Where = { readonly given: string | undefined; readonly view: PixelView; readonly reporter: Reporter };

/**
 * Pixels and labels of the images that are in the token file: the first sound ones of its source, as many as it has.
 * @throws DataError when that source is gone or its labels are not those of the file
 */
async function pixelsOf({ tokens, labels }: LabelledTokens, { given, view, reporter }: Where): Promise<LabelledRows> {
  const source = await openSource(given ?? tokens.source);
  const limit = Math.ceil(tokens.count / tokens.viewsPerImage);
  const bar = reporter.bar({ total: limit, unit: "images", label: "pixels" });
  const pixels = await pixelFeatures({ source, ...view, limit, onProgress: (images) => bar.update(images) });
  bar.stop();
  const wanted = Int32Array.from({ length: limit }, (_, i) => labels[i * tokens.viewsPerImage]!);
  if (pixels.labels.length !== limit)
    throw new DataError(`${source.path}: want the ${limit} images of ${tokens.path}, got ${pixels.labels.length}`);
  const other = pixels.labels.findIndex((label, i) => label >= 0 && label !== wanted[i]);
  if (other >= 0)
    throw new DataError(
      `${source.path}: not the images of ${tokens.path}: number ${other} has label ${pixels.labels[other]}, ` +
        `want ${wanted[other]}`,
    );
  return { features: pixels.features, labels: wanted };
}
