import type { ImagePair } from "./imagePair.js";
import { pixelErrors } from "./pixelErrors.js";
import { psnrSummary } from "./psnr.js";
import { ssim } from "./ssim.js";

/** Side of the window of SSIM, in pixels. */
const SMALLEST_SIDE = 11;

/** How close a set of reconstructions comes to its originals, pixels in [0, 1]. */
export type ReconstructionScores = {
  readonly images: number;
  /** Mean of the images' own PSNRs in dB, Infinity as soon as one image is exact (`PsnrSummary.meanOfImages`). */
  readonly psnr: number;
  /** PSNR of the mean squared error over the set in dB, Infinity when all images are exact. */
  readonly psnrOfMeanMse: number;
  /** Images reproduced exactly. */
  readonly exactImages: number;
  /** Mean absolute error. */
  readonly mae: number;
  /** Mean squared error. */
  readonly mse: number;
  /** Mean SSIM, or undefined for images too small for its window. */
  readonly ssim: number | undefined;
};

/** Scores images batch by batch, keeping one number an image. */
export type ReconstructionScorer = {
  /** @throws RangeError when the data do not fit the shape */
  add(pair: ImagePair): void;
  /** @throws RangeError when nothing was added */
  result(): ReconstructionScores;
};

/** A scorer for images of one size; reconstructions are clamped to [0, 1] by the caller. */
export function scoreReconstructions(): ReconstructionScorer {
  const mse: number[] = [];
  let mae = 0;
  let similarity = 0;
  let tooSmall = false;
  return {
    add(pair) {
      const errors = pixelErrors(pair);
      mse.push(...errors.mse);
      mae += sum(errors.mae);
      const [, height, width] = pair.shape;
      tooSmall ||= Math.min(height, width) < SMALLEST_SIDE;
      if (!tooSmall) similarity += sum(ssim(pair));
    },
    result() {
      const images = mse.length;
      const { meanOfImages, ofMeanMse, exactImages } = psnrSummary(mse);
      return {
        images,
        psnr: meanOfImages,
        psnrOfMeanMse: ofMeanMse,
        exactImages,
        mae: mae / images,
        mse: sum(mse) / images,
        ssim: tooSmall ? undefined : similarity / images,
      };
    },
  };
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
