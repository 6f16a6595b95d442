/** Options that make other views of an image, and what they mean to the data. */
import { type Augment, NO_AUGMENT } from "../../lib/data/augment.js";
import { UsageError } from "../../lib/errors.js";

type AugmentConfig = Pick<Augment, "resize" | "crop" | "flip"> & { readonly cropScale: readonly number[] };

/** @throws UsageError when --crop-scale is upside down */
export function augmentOf({ resize, crop, cropScale, flip }: AugmentConfig): Augment {
  const [min = 1, max = 1] = cropScale;
  if (max < min) throw new UsageError(`--crop-scale: want the smaller scale first, got ${min},${max}`);
  return { ...NO_AUGMENT, resize, crop, cropScale: [min, max], flip };
}
