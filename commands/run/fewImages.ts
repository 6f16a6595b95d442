/** Sets that are too small for a Fréchet distance to say much. */
import { formatInteger } from "../../lib/ui/format.js";

/**
 * Whether the covariance of so many feature vectors is singular: N of them span at most N - 1 of D dimensions. The
 * distance is then far from that of larger sets, and mostly says how many images there were.
 */
export function isSingular(images: number, features: number): boolean {
  return images <= features;
}

/** "of little worth, with 6 images for 2,048 features", or undefined where there are enough. */
export function caution(images: number, features: number): string | undefined {
  if (!isSingular(images, features)) return undefined;
  return `of little worth, with ${formatInteger(images)} images for ${formatInteger(features)} features`;
}
