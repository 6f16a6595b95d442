import { expectImagePair, type ImagePair } from "./imagePair.js";

/** Mean absolute and mean squared error of each image, [B] each. */
export type PixelErrors = { readonly mae: Float64Array; readonly mse: Float64Array };

/**
 * Pixel errors image by image: `mae = mean |x - y|`, `mse = mean (x - y)^2`, means over H, W and C.
 * As all images have one size, the mean of the returned values is the error over all pixels.
 * @throws RangeError when the data do not fit the shape
 */
export function pixelErrors(pair: ImagePair): PixelErrors {
  expectImagePair("pixelErrors", pair);
  const { originals, reconstructions, shape } = pair;
  const [B, H, W, C] = shape;
  const size = H * W * C;
  const errors = { mae: new Float64Array(B), mse: new Float64Array(B) };
  for (let image = 0; image < B; image++) {
    let absolute = 0;
    let squared = 0;
    for (let i = image * size; i < (image + 1) * size; i++) {
      const gap = originals[i]! - reconstructions[i]!;
      absolute += Math.abs(gap);
      squared += gap * gap;
    }
    errors.mae[image] = absolute / size;
    errors.mse[image] = squared / size;
  }
  return errors;
}
