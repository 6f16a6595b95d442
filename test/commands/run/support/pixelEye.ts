/** In place of a network: the first pixel of an image of 2 x 2 x 3, as a byte, and 1. */
import type { Eye } from "../../../../commands/run/seenSet.js";

const PIXELS = 2 * 2 * 3;

/** @param looks counts the images seen */
export function pixelEye(looks = { images: 0 }): Eye {
  return {
    dim: 2,
    async see(images) {
      const count = images.length / PIXELS;
      looks.images += count;
      const pooled = new Float32Array(2 * count).fill(1);
      for (let i = 0; i < count; i++) pooled[2 * i] = 255 * images[i * PIXELS]!;
      return { pooled };
    },
  };
}
