/** The two grids everyone asks for: reconstructions under their originals, and samples by class. */

import { joinedFloats } from "../floats.js";
import type { Canvas } from "./canvas.js";
import { drawGrid, expectWhole, type GridStyle, type ImageBatch, type ImageSize, imageCount } from "./imageGrid.js";

export type ComparisonOptions = GridStyle & {
  /** Images [N, H, W, C], floats in [0, 1] or bytes; both batches alike. */
  readonly originals: ImageBatch;
  readonly reconstructions: ImageBatch;
  readonly size: ImageSize;
  /** Pairs side by side; 8 unless told. */
  readonly columns?: number;
  /** Adds a third row `|original - reconstruction|` under each pair. */
  readonly difference?: boolean;
  /** What the differences are multiplied by, which their label then tells; 1 unless told. */
  readonly amplify?: number;
};

export type ClassGridOptions = GridStyle & {
  /** Images [N, H, W, C], floats in [0, 1] or bytes. */
  readonly images: ImageBatch;
  readonly size: ImageSize;
  /** Class of each image, [N]. */
  readonly labels: ArrayLike<number>;
  /** Name of each class; a class without one is called by its number. */
  readonly classNames?: readonly string[];
  /** At most so many images of a class, the first ones; 10 unless told. */
  readonly perClass?: number;
};

/**
 * Originals over their reconstructions, in groups of rows labelled at the left.
 * @throws RangeError when the batches differ in length or do not hold whole images of `size`
 */
export function comparisonGrid(options: ComparisonOptions): Canvas {
  const { originals, reconstructions, size, columns = 8, difference = false, amplify = 1, ...style } = options;
  expectWhole("columns", columns);
  const count = imageCount(originals, size);
  if (imageCount(reconstructions, size) !== count)
    throw new RangeError(
      `comparison grid: ${count} originals, but ${imageCount(reconstructions, size)} reconstructions`,
    );
  const batches = [toUnit(originals), toUnit(reconstructions)];
  if (difference) batches.push(absoluteDifference(batches[0]!, batches[1]!, amplify));
  const differences = amplify === 1 ? "difference" : `difference x${amplify}`;
  const names = ["original", "reconstruction", differences].slice(0, batches.length);
  const starts = Array.from({ length: Math.ceil(count / columns) }, (_, group) => group * columns);
  return drawGrid({
    ...style,
    size,
    images: joinedFloats(batches),
    rows: starts.flatMap((start) =>
      names.map((_, batch) => range(start, Math.min(start + columns, count), batch * count)),
    ),
    rowLabels: starts.flatMap(() => names),
    rowsPerGroup: names.length,
  });
}

/**
 * One row a class, in ascending order, with the class name at the left; classes without an image have no row.
 * @throws RangeError when labels and images differ in number
 */
export function classGrid(options: ClassGridOptions): Canvas {
  const { images, size, labels, classNames = [], perClass = 10, ...style } = options;
  const count = imageCount(images, size);
  if (labels.length !== count) throw new RangeError(`class grid: ${count} images, but ${labels.length} labels`);
  const members = new Map<number, number[]>();
  for (let index = 0; index < count; index++) {
    const ofClass = members.get(labels[index]!);
    if (ofClass) ofClass.push(index);
    else members.set(labels[index]!, [index]);
  }
  const classes = [...members.keys()].sort((a, b) => a - b);
  return drawGrid({
    ...style,
    size,
    images,
    rows: classes.map((label) => members.get(label)!.slice(0, perClass)),
    rowLabels: classes.map((label) => classNames[label] ?? `${label}`),
  });
}

function toUnit(images: ImageBatch): Float32Array {
  const divisor = images instanceof Uint8Array ? 255 : 1;
  return Float32Array.from(images, (value) => Math.min(1, Math.max(0, value / divisor)));
}

function absoluteDifference(a: Float32Array, b: Float32Array, factor: number): Float32Array {
  return a.map((value, i) => factor * Math.abs(value - b[i]!));
}

/** `from..to-1`, each shifted by `offset`. */
const range = (from: number, to: number, offset: number): number[] =>
  Array.from({ length: to - from }, (_, i) => offset + from + i);
