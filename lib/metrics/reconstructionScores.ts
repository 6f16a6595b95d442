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
  /** Means of `ImageMeasures`, or undefined where they were not taken. */
  readonly lpips: number | undefined;
  readonly logitLaplace: number | undefined;
};

/** What networks say of each image, [B] each: all images have a measure, or none. */
export type ImageMeasures = {
  readonly lpips?: ArrayLike<number> | undefined;
  /** Negative log-likelihood of the original under the decoder's density, nats a value. */
  readonly logitLaplace?: ArrayLike<number> | undefined;
};

/** Scores images batch by batch, keeping one number an image. */
export type ReconstructionScorer = {
  /** @throws RangeError when the data do not fit the shape */
  add(pair: ImagePair, measures?: ImageMeasures): void;
  /** @throws RangeError when nothing was added, or a measure was taken of some images only */
  result(): ReconstructionScores;
};

/** A scorer for images of one size; reconstructions are clamped to [0, 1] by the caller. */
export function scoreReconstructions(): ReconstructionScorer {
  const mse: number[] = [];
  let mae = 0;
  let similarity = 0;
  let tooSmall = false;
  const lpips = meanMeasure("LPIPS");
  const logitLaplace = meanMeasure("logit-laplace");
  return {
    add(pair, measures = {}) {
      const errors = pixelErrors(pair);
      for (const error of errors.mse) mse.push(error);
      mae += sum(errors.mae);
      const [, height, width] = pair.shape;
      tooSmall ||= Math.min(height, width) < SMALLEST_SIDE;
      if (!tooSmall) similarity += sum(ssim(pair));
      lpips.add(measures.lpips);
      logitLaplace.add(measures.logitLaplace);
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
        lpips: lpips.mean(images),
        logitLaplace: logitLaplace.mean(images),
      };
    },
  };
}

/** The mean of a measure that is taken of all images or of none. */
function meanMeasure(name: string) {
  let [total, count] = [0, 0];
  return {
    add(values: ArrayLike<number> = []): void {
      total += sum(values);
      count += values.length;
    },
    mean(images: number): number | undefined {
      if (count !== 0 && count !== images)
        throw new RangeError(`reconstruction scores: want ${name} of all ${images} images or of none, got ${count}`);
      return count === 0 ? undefined : total / count;
    },
  };
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
