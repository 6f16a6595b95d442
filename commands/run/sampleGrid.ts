/** The grid that `sample` leaves: the first images of each class, of as many classes as a picture has room for. */
import type { Canvas } from "../../lib/ui/canvas.js";
import { formatInteger } from "../../lib/ui/format.js";
import { classGrid } from "../../lib/ui/gridCompositions.js";
import { imageGrid, rowsWithin } from "../../lib/ui/imageGrid.js";
import { type ImageSize, toBytes } from "../support/images.js";

const COLUMNS = 10; // images of a class
const IMAGES = 400; // without a class

/** Pixels that a viewer still opens at once; sharp refuses eight times as many. */
export const MOST_SHOWN_PIXELS = 2 ** 25;

/** A picture of some of the images that come one by one. */
export type GrowingPicture = {
  /** Keeps image `i`, [H, W, C] in [0, 1], where the picture shows it. */
  offer(i: number, image: Float32Array): void;
  draw(): Canvas;
  /** What it shows, as "the first 49 of 1,000 classes" or "20 of 400 images", where that is not all. */
  readonly part?: string | undefined;
};

/**
 * A grid for images of these classes, which then come one by one.
 * @param classIds of all images; beyond the names where they have no class
 */
export function openGrid(
  classIds: readonly number[],
  { classNames, size }: { classNames: readonly string[]; size: ImageSize },
): GrowingPicture {
  const named = classIds.some((id) => id < classNames.length);
  const { shown, part } = named ? firstOfClasses(classIds, { classNames, size }) : firstImages(classIds.length, size);
  const places = new Map(shown.map((image, place) => [image, place]));
  const pixels = size.height * size.width * size.channels;
  const images = new Uint8Array(shown.length * pixels);
  return {
    part,
    offer(i, image) {
      const place = places.get(i);
      if (place !== undefined) images.set(toBytes(image), place * pixels);
    },
    draw() {
      if (!named) return imageGrid({ images, size, columns: COLUMNS });
      return classGrid({ images, size, labels: shown.map((i) => classIds[i]!), classNames, perClass: COLUMNS });
    },
  };
}

type Shown = { readonly shown: readonly number[]; readonly part: string | undefined };

function firstOfClasses(
  classIds: readonly number[],
  { classNames, size }: { classNames: readonly string[]; size: ImageSize },
): Shown {
  const members = new Map<number, number[]>();
  for (const [i, id] of classIds.entries()) {
    const own = members.get(id) ?? [];
    if (own.length < COLUMNS) own.push(i);
    members.set(id, own);
  }
  const classes = [...members].sort(([a], [b]) => a - b);
  const columns = classes.reduce((most, [, own]) => Math.max(most, own.length), 0);
  const rowLabels = classes.map(([id]) => classNames[id] ?? "");
  const rows = Math.max(1, rowsWithin(MOST_SHOWN_PIXELS, { size, columns, rowLabels }));
  return {
    shown: classes.slice(0, rows).flatMap(([, own]) => own),
    part: partOf(rows, classes.length, "classes"),
  };
}

function firstImages(count: number, size: ImageSize): Shown {
  const columns = Math.min(COLUMNS, count);
  const most = Math.min(IMAGES, columns * Math.max(1, rowsWithin(MOST_SHOWN_PIXELS, { size, columns })));
  return { shown: Array.from({ length: Math.min(most, count) }, (_, i) => i), part: partOf(most, count, "images") };
}

const partOf = (shown: number, count: number, what: string): string | undefined =>
  shown < count ? `the first ${formatInteger(shown)} of ${formatInteger(count)} ${what}` : undefined;
