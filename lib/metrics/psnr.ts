/** PSNR in dB of pixels with range 1: `-10 log10(mse)`; Infinity for equal images. */
export function psnrOf(mse: number): number {
  return -10 * Math.log10(mse);
}

/** The two averages of PSNR over a set that are found under the one name, in dB for pixels with range 1. */
export type PsnrSummary = {
  /**
   * Mean of the images' own PSNRs: the headline, as reconstruction papers and image libraries compute it image by
   * image. Infinity as soon as one image is reproduced exactly.
   */
  readonly meanOfImages: number;
  /** PSNR of the mean squared error over all images, never above `meanOfImages` (Jensen); easy images weigh less. */
  readonly ofMeanMse: number;
  /** Images reproduced exactly. */
  readonly exactImages: number;
};

/**
 * Summarizes the PSNR of a set from the mean squared error of each image (`pixelErrors`).
 * @throws RangeError when there are no images
 */
export function psnrSummary(imageMse: ArrayLike<number>): PsnrSummary {
  const B = imageMse.length;
  if (B === 0) throw new RangeError("psnrSummary: want at least one image, got none");
  let psnr = 0;
  let mse = 0;
  let exactImages = 0;
  for (let i = 0; i < B; i++) {
    psnr += psnrOf(imageMse[i]!);
    mse += imageMse[i]!;
    if (imageMse[i] === 0) exactImages++;
  }
  return { meanOfImages: psnr / B, ofMeanMse: psnrOf(mse / B), exactImages };
}
