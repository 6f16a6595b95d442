/** What a tokenizer in training makes of a few images, of `--val` where that is given: a picture of them, and a score. */
import path from "node:path";
import { sequentialBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { spreadPlaces, thinned } from "../../lib/data/thinned.js";
import { centredView } from "../../lib/data/view.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { writeAtomically } from "../../lib/files/atomic.js";
import { pixelErrors } from "../../lib/metrics/pixelErrors.js";
import { psnrSummary } from "../../lib/metrics/psnr.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { createReconstructor } from "../../lib/train/reconstructor.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { comparisonGrid } from "../../lib/ui/gridCompositions.js";
import type { TrainVqConfig } from "../trainVq.js";

/** Images in a picture; and scored, as many as make a million pixels but no more than 128. */
export const SHOWN = 16;
const scoredImages = (imageSize: number) => Math.min(128, Math.max(SHOWN, Math.floor(2 ** 20 / imageSize ** 2)));

export type Reconstructions = {
  /** Reconstructs all images with these weights, writes the picture of a step, and scores them. */
  illustrate(weights: NamedHostTensors, step: number): Promise<{ psnr: number }>;
  close(): Promise<void>;
};

export type ReconstructionOptions = {
  readonly engine: Engine;
  readonly model: TokenizerConfig;
  readonly config: Pick<TrainVqConfig, "batchSize" | "channels" | "imageSize" | "resize" | "strict">;
  readonly onDamaged: (name: string, reason: string) => void;
  /** Where pictures go. */
  readonly folder: string;
};

/**
 * Reads the images and compiles what reconstructs them.
 * @throws DataError when none can be read
 */
export async function openReconstructions(
  source: ImageSource,
  { engine, model, config, onDamaged, folder }: ReconstructionOptions,
): Promise<Reconstructions> {
  const { imageSize, channels, batchSize } = config;
  const held = await heldImages(source, config, onDamaged);
  const most = Math.min(SHOWN, held.count, batchSize);
  const reconstructor = await createReconstructor({ engine, model, batchSize: most });
  const size = { height: imageSize, width: imageSize, channels };
  const shape = [held.count, imageSize, imageSize, channels] as const;
  const shown = (all: Float32Array) => all.subarray(0, SHOWN * imageSize ** 2 * channels);
  return {
    async illustrate(weights, step) {
      const images = await reconstructor.reconstruct(weights, held.images);
      const grid = comparisonGrid({ originals: shown(held.images), reconstructions: shown(images), size });
      await writeAtomically(path.join(folder, pictureName(step)), await encodePng(grid));
      const { mse } = pixelErrors({ originals: held.images, reconstructions: images, shape });
      return { psnr: psnrSummary(mse).meanOfImages };
    },
    close: () => reconstructor.close(),
  };
}

/**
 * A few images, kept for the length of the run, spread over all there are, since sets are often in the order of classes. So are
 * the first of them, which are shown.
 */
async function heldImages(
  source: ImageSource,
  { imageSize, channels, resize, strict }: ReconstructionOptions["config"],
  onDamaged: ReconstructionOptions["onDamaged"],
): Promise<{ images: Float32Array; count: number }> {
  const all = spreadPlaces(scoredImages(imageSize), source.count);
  const shown = spreadPlaces(SHOWN, all.length).map((i) => all[i]!);
  const places = [...new Set([...shown, ...all])];
  const view = { size: imageSize, channels };
  for await (const { images, labels } of sequentialBatches({
    source: thinned(source, places),
    view,
    place: () => centredView(view, resize),
    batchSize: places.length,
    strict,
    onDamaged,
  }))
    return { images, count: labels.length };
  throw new UsageError(`--val: no readable image in ${source.path}`);
}

const pictureName = (step: number) => `step-${String(step).padStart(6, "0")}.png`;
