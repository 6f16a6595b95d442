import { uniformAt } from "../random.js";
import { centredView, type View, type ViewSettings } from "./view.js";

/** What is drawn anew for every image and epoch. */
export type Augment = {
  /** See `View`. */
  readonly resize: "cover" | "squash";
  readonly crop: "center" | "random";
  /**
   * The shorter side is drawn from size * min to size * max before the crop, 1 <= min <= max; default [1, 1].
   * DALL-E's image tokenizer used [9/8, 12/8] (Ramesh et al. 2021, arXiv:2102.12092, appendix A).
   */
  readonly cropScale?: readonly [min: number, max: number];
  /** Mirror every second image, by chance. */
  readonly flip: boolean;
};

/** No randomness: the largest centred square. */
export const NO_AUGMENT: Augment = { resize: "cover", crop: "center", flip: false };

/**
 * Draws the view of one image.
 *
 * Every draw has its own place in the stream, so switching one kind off leaves the others as they were.
 * @param stream seed of the draws, for instance `streamSeed(seed, "augment", epoch, index)`
 * @throws RangeError when `cropScale` is not 1 <= min <= max
 */
export function drawView(settings: ViewSettings, augment: Augment, stream: number): View {
  const [least, most] = shorterSides(settings, augment);
  const random = augment.crop === "random";
  return {
    ...centredView(settings, augment.resize),
    shorterSide: least + Math.floor(uniformAt(0, stream) * (most - least + 1)),
    ...(random ? { cropX: uniformAt(1, stream), cropY: uniformAt(2, stream) } : {}),
    flip: augment.flip && uniformAt(3, stream) < 0.5,
  };
}

/**
 * The least and the most that `drawView` draws as shorter side, in pixels.
 * @throws RangeError when `cropScale` is not 1 <= min <= max
 */
export function shorterSides({ size }: ViewSettings, augment: Augment): readonly [least: number, most: number] {
  const [min, max] = checkedScale(augment);
  return [Math.round(size * min), Math.round(size * max)];
}

function checkedScale({ cropScale = [1, 1] }: Augment): readonly [number, number] {
  const [min, max] = cropScale;
  if (!(min >= 1 && max >= min && Number.isFinite(max)))
    throw new RangeError(`augment: want cropScale [min, max] with 1 <= min <= max, got [${min}, ${max}]`);
  return cropScale;
}
