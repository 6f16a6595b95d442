/** A row an image: the original, what is kept of it, and its completions. */
import type { Canvas } from "../../lib/ui/canvas.js";
import { drawGrid, type ImageSize } from "../../lib/ui/imageGrid.js";
import type { ShownOriginal } from "./completionOriginals.js";

export type CompletionPictureOptions = {
  readonly shown: readonly ShownOriginal[];
  /** All completions, [N * ways, H, W, C] in [0, 1], those of an image one after the other. */
  readonly completions: Float32Array;
  readonly ways: number;
  /** Share of the height that is kept. */
  readonly keptShare: number;
  /** Name of the class that each of the N images is completed as. */
  readonly labels: readonly string[];
  readonly size: ImageSize;
};

const MOST_WAYS = 10; // columns
const BLANK = 0.9; // a light grey, seen beside images with a white background and beside black ones

export function completionPicture(options: CompletionPictureOptions): Canvas {
  const { shown, completions, ways, keptShare, labels, size } = options;
  const pixels = size.height * size.width * size.channels;
  const columns = Math.min(ways, MOST_WAYS);
  const tiles = shown.flatMap(({ row, pixels: original }) => [
    original,
    keptPart(original, size, keptShare),
    ...Array.from({ length: columns }, (_, way) => {
      const place = row * ways + way;
      return completions.subarray(place * pixels, (place + 1) * pixels);
    }),
  ]);
  const images = new Float32Array(tiles.length * pixels);
  for (const [i, tile] of tiles.entries()) images.set(tile, i * pixels);
  const width = columns + 2;
  return drawGrid({
    images,
    size,
    rows: shown.map((_, row) => Array.from({ length: width }, (_, column) => row * width + column)),
    columnLabels: ["original", "kept", ...Array.from({ length: columns }, (_, way) => String(way + 1))],
    ...(labels.some((label) => label !== "") ? { rowLabels: shown.map(({ row }) => labels[row]!) } : {}),
  });
}

/** The upper rows, the rest blank. */
function keptPart(image: Float32Array, { height, width, channels }: ImageSize, share: number): Float32Array {
  return image.slice().fill(BLANK, Math.round(share * height) * width * channels);
}
