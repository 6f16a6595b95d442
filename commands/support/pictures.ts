/** Pictures that commands leave behind: their layout, and pairs of images under each other. */
import type { Canvas } from "../../lib/ui/canvas.js";
import { drawGrid, type ImageSize } from "../../lib/ui/imageGrid.js";

/** Columns of a picture, and how many images it shows: a column a class where that fits, 16 to 24 images. */
export function pictureLayout(classes: number): { columns: number; shown: number } {
  const columns = classes >= 6 && classes <= 12 ? classes : 8;
  return { columns, shown: columns * Math.floor(24 / columns) };
}

export type PairGridOptions = {
  /** Images [H, W, C] of bytes, in pairs. */
  readonly pairs: readonly (readonly [upper: Uint8Array, lower: Uint8Array])[];
  /** What stands before the upper and the lower row. */
  readonly names: readonly [upper: string, lower: string];
  readonly size: ImageSize;
  readonly columns: number;
  readonly columnLabels?: readonly string[];
};

/** Images over the images that belong to them, in groups of two rows. */
export function pairGrid({ pairs, names, size, columns, columnLabels }: PairGridOptions): Canvas {
  const groups = Math.ceil(pairs.length / columns);
  const row = (group: number, side: number) =>
    Array.from(
      { length: Math.min(columns, pairs.length - group * columns) },
      (_, i) => 2 * (group * columns + i) + side,
    );
  const rows = Array.from({ length: groups }, (_, group) => [row(group, 0), row(group, 1)]).flat();
  return drawGrid({
    images: new Uint8Array(Buffer.concat(pairs.flat())),
    size,
    rows,
    rowLabels: rows.map((_, i) => names[i % 2]!),
    rowsPerGroup: 2,
    ...(columnLabels ? { columnLabels } : {}),
  });
}
