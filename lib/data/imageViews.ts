import { streamSeed } from "../random.js";
import { type Augment, drawView } from "./augment.js";
import { centredView, checkView, type View, type ViewSettings } from "./view.js";

export type ViewsOptions = { readonly augment: Augment; readonly seed: number };

/**
 * Views of images for a fixed set of rows, each a function of (seed, index, number) alone.
 *
 * Number 0 is the plain centred view. A random crop draws all others (stream "views", index, number), mirrored by chance
 * under `flip`; without one they are mirrored under `flip`, so that number 1 is the mirror image.
 * @returns the view of the image at `index` with this number, 0..
 * @throws RangeError when a setting or `cropScale` is out of range
 */
export function imageViews(
  settings: ViewSettings,
  { augment, seed }: ViewsOptions,
): (index: number, number: number) => View {
  checkView(drawView(settings, augment, 0));
  return (index, number) => {
    if (number === 0) return centredView(settings, augment.resize);
    const drawn = drawView(settings, augment, streamSeed(seed, "views", index, number));
    return augment.crop === "random" ? drawn : { ...drawn, flip: augment.flip };
  };
}
