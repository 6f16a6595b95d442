/** A row an image: the original, what is kept of it, and its completions. */
import { formatInteger } from "../../lib/ui/format.js";
import { drawGrid, type ImageSize, rowsWithin } from "../../lib/ui/imageGrid.js";
import { toBytes } from "../support/images.js";
import type { ShownOriginal } from "./completionOriginals.js";
import { type GrowingPicture, MOST_SHOWN_PIXELS } from "./sampleGrid.js";

export type CompletionPictureOptions = {
  /** Some of the N originals. */
  readonly shown: readonly ShownOriginal[];
  /** Completions of an image; image `i` of those that are offered is a completion of the original in row `i / ways`. */
  readonly ways: number;
  /** Share of the height that is kept. */
  readonly keptShare: number;
  /** Name of the class that each of the N images is completed as. */
  readonly labels: readonly string[];
  readonly size: ImageSize;
};

const MOST_WAYS = 10; // columns
const BLANK = 0.9; // a light grey, seen beside images with a white background and beside black ones

/** A picture of completions that come one by one, with as many rows as there is room for. */
export function openCompletionPicture({
  shown,
  ways,
  keptShare,
  labels,
  size,
}: CompletionPictureOptions): GrowingPicture {
  const pixels = size.height * size.width * size.channels;
  const columns = Math.min(ways, MOST_WAYS);
  const width = columns + 2;
  const named = labels.some((label) => label !== "") ? shown.map(({ row }) => labels[row]!) : undefined;
  const room = rowsWithin(MOST_SHOWN_PIXELS, { size, columns: width, ...(named ? { rowLabels: named } : {}) });
  const rows = shown.slice(0, Math.max(1, room));
  const images = new Uint8Array(rows.length * width * pixels);
  const places = new Map<number, number>();
  for (const [i, { row, pixels: original }] of rows.entries()) {
    images.set(toBytes(original), i * width * pixels);
    images.set(toBytes(keptPart(original, size, keptShare)), (i * width + 1) * pixels);
    for (let way = 0; way < columns; way++) places.set(row * ways + way, i * width + 2 + way);
  }
  return {
    part: rows.length < labels.length ? `${rows.length} of ${formatInteger(labels.length)} images` : undefined,
    offer(i, image) {
      const place = places.get(i);
      if (place !== undefined) images.set(toBytes(image), place * pixels);
    },
    draw: () =>
      drawGrid({
        images,
        size,
        rows: rows.map((_, row) => Array.from({ length: width }, (_, column) => row * width + column)),
        columnLabels: ["original", "kept", ...Array.from({ length: columns }, (_, way) => String(way + 1))],
        ...(named ? { rowLabels: named.slice(0, rows.length) } : {}),
      }),
  };
}

/** The upper rows, the rest blank. */
function keptPart(image: Float32Array, { height, width, channels }: ImageSize, share: number): Float32Array {
  return image.slice().fill(BLANK, Math.round(share * height) * width * channels);
}
