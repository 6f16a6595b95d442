/** The baseline of `probe` that no model has a part in: a linear classifier on the pixels of the encoded images. */
import type { Engine } from "../../lib/engine/types.js";
import { DataError } from "../../lib/errors.js";
import { type LinearProbe, linearProbe } from "../../lib/probe/linearProbe.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { ProbeConfig } from "../probe.js";
import { type ImageView, imagesOf, type Missing, namesImages, orReason, resizeOf } from "./probeImages.js";
import type { LabelledPair, LabelledTokens } from "./probeTokens.js";

export type PixelBaseline = LinearProbe & {
  /** Side the images were brought to, and their channels: size * size * channels features. */
  readonly size: number;
  readonly channels: number;
};

export type BaselineOptions = {
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
export async function pixelBaseline(options: BaselineOptions): Promise<PixelBaseline | Missing> {
  const { config, pair, engine, reporter } = options;
  if (!config.rawPixels) return { reason: "left out (--no-raw-pixels)" };
  return orReason({ name: "raw-pixel", named: { images: namesImages(config) }, reporter }, async () => {
    const view = viewOf(pair.train, config.pixelSize);
    const of = { view, label: "pixels", reporter };
    const train = await imagesOf(pair.train, { ...of, given: config.trainData });
    const test = await imagesOf(pair.test, { ...of, given: config.testData });
    const spinner = reporter.spinner("fitting on raw pixels");
    const { probe } = await linearProbe({ ...config, engine, train, test, classes: pair.classes });
    spinner.succeed("fitted on raw pixels");
    return { ...probe, size: view.size, channels: view.channels };
  });
}

/** How the tokenizer saw the images, but smaller where they are large. */
function viewOf(train: LabelledTokens, size: number | undefined): ImageView {
  const { path, extra } = train.tokens;
  const { imageSize, channels } = extra;
  const side = size ?? Math.min(Number(imageSize), LARGEST_SIDE);
  if (!(side >= 1) || (channels !== "1" && channels !== "3"))
    throw new DataError(`${path}: it does not say how large its images were and how many channels they had`);
  return { size: side, channels: channels === "1" ? 1 : 3, resize: resizeOf(train) };
}
