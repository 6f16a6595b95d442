/** Images side by side in one picture, with labels: what training and sampling leave behind to look at. */

import {
  blit,
  type Canvas,
  type Color,
  createCanvas,
  drawText,
  fillRectangle,
  type Pixels,
  type Rectangle,
} from "./canvas.js";
import { GLYPH_ASCENT, textWidth, toFontText } from "./pixelFont.js";

/** Height, width and channels (1 grey or 3 RGB) of every image of a batch. */
export type ImageSize = { readonly height: number; readonly width: number; readonly channels: number };

/** A batch [N, H, W, C], row-major: bytes, or floats in [0, 1] (what lies outside is clamped for display). */
export type ImageBatch = Float32Array | Uint8Array;

/** How a grid looks; everything has a default. */
export type GridStyle = {
  /** Whole-number magnification; by default small images grow to about 84 pixels and large ones stay 1:1. */
  readonly scale?: number;
  /** Pixels between neighbouring tiles; 4 unless told. */
  readonly gap?: number;
  readonly title?: string;
};

export type ImageGridOptions = GridStyle & {
  readonly images: ImageBatch;
  readonly size: ImageSize;
  readonly columns: number;
  /** Text left of each row. */
  readonly rowLabels?: readonly string[];
  /** Text above each column. */
  readonly columnLabels?: readonly string[];
};

/** Which image stands where; `undefined` leaves a tile blank. */
export type GridLayout = GridStyle & {
  readonly images: ImageBatch;
  readonly size: ImageSize;
  readonly rows: readonly (readonly (number | undefined)[])[];
  readonly rowLabels?: readonly string[];
  readonly columnLabels?: readonly string[];
  /** Rows that belong together: after so many of them the gap is wider. */
  readonly rowsPerGroup?: number;
};

/**
 * All images in reading order, `columns` of them a row.
 * @throws RangeError when the batch does not hold whole images of `size`, or `columns` or `scale` is not a whole number
 *   above 0
 */
export function imageGrid({ columns, ...rest }: ImageGridOptions): Canvas {
  expectWhole("columns", columns);
  const count = imageCount(rest.images, rest.size);
  const used = Math.max(1, Math.min(columns, count));
  const rows = Array.from({ length: Math.ceil(count / used) }, (_, row) =>
    Array.from({ length: Math.min(used, count - row * used) }, (_, column) => row * used + column),
  );
  return drawGrid({ ...rest, rows });
}

/** Draws a grid whose places were chosen by the caller; throws as `imageGrid` does. */
export function drawGrid(layout: GridLayout): Canvas {
  const count = imageCount(layout.images, layout.size);
  const measures = measure(layout);
  const canvas = createCanvas(measures);
  drawLabels(canvas, layout, measures);
  for (const [row, indices] of layout.rows.entries()) {
    for (const [column, index] of indices.entries()) {
      if (index === undefined) continue;
      if (!(index >= 0 && index < count)) throw new RangeError(`image grid: image ${index} of ${count} does not exist`);
      drawTile(canvas, imagePixels(layout, index), tileAt(measures, row, column), measures.scale);
    }
  }
  return canvas;
}

/** Most rows of `columns` images in a picture of at most `pixels` pixels; 0 where a single one makes it too large. */
export function rowsWithin(
  pixels: number,
  { columns, ...layout }: Omit<GridLayout, "images" | "rows"> & { readonly columns: number },
): number {
  const { width, height, tile, gap } = measure({ ...layout, rows: [new Array<undefined>(columns)] });
  return Math.max(0, 1 + Math.floor((Math.floor(pixels / width) - height) / (tile.height + gap)));
}

/**
 * How many images of `size` a batch holds.
 * @throws RangeError when it is not a whole number, or channels are neither 1 nor 3
 */
export function imageCount(images: ImageBatch, { height, width, channels }: ImageSize): number {
  if (channels !== 1 && channels !== 3) throw new RangeError(`image grid: want 1 or 3 channels, got ${channels}`);
  const count = images.length / (height * width * channels);
  if (!Number.isInteger(count))
    throw new RangeError(
      `image grid: want images [N, ${height}, ${width}, ${channels}], got ${images.length} values: ${count} images`,
    );
  return count;
}

/** @throws RangeError when `value` is not a whole number above 0 */
export function expectWhole(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`image grid: want ${name} to be a whole number above 0, got ${value}`);
}

const MARGIN = 16;
const DEFAULT_GAP = 4;
const GROUP_GAP = 14;
const LABEL_GAP = 8;
const LABEL_SCALE = 2;
const COMFORTABLE_SIDE = 84; // pixels a tile: three times 28, a little under three times 32
const FRAME: Color = [205, 205, 205]; // a hairline, else images with a white background have no edge
const TITLE_SCALE = 2;

type Measures = {
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly tile: { readonly width: number; readonly height: number };
  readonly gap: number;
  readonly groupGap: number;
  readonly rowsPerGroup: number;
  /** Left edge of the first column, top of the first row. */
  readonly left: number;
  readonly top: number;
  readonly columnLabelScale: number;
};

function measure({ size, rows, gap = DEFAULT_GAP, ...layout }: Omit<GridLayout, "images">): Measures {
  const scale = layout.scale ?? Math.max(1, Math.round(COMFORTABLE_SIDE / Math.max(size.width, size.height)));
  expectWhole("scale", scale);
  const tile = { width: size.width * scale, height: size.height * scale };
  const rowsPerGroup = layout.rowsPerGroup ?? Math.max(1, rows.length);
  const groupGap = Math.max(gap, GROUP_GAP);
  const labels = (layout.rowLabels ?? []).map((label) => textWidth(toFontText(label)) * LABEL_SCALE);
  const left = MARGIN + (labels.length > 0 ? Math.max(...labels) + LABEL_GAP : 0);
  const columnLabelScale = labelScale(layout.columnLabels ?? [], tile.width);
  const titleHeight = layout.title ? GLYPH_ASCENT * TITLE_SCALE + MARGIN : 0;
  const top = MARGIN + titleHeight + (layout.columnLabels ? GLYPH_ASCENT * columnLabelScale + LABEL_GAP : 0);
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const groupBreaks = Math.max(0, Math.ceil(rows.length / rowsPerGroup) - 1);
  const right = left + columns * (tile.width + gap) - gap;
  const titleRight = MARGIN + textWidth(toFontText(layout.title ?? "")) * TITLE_SCALE;
  const bottom = top + Math.max(1, rows.length) * (tile.height + gap) - gap + groupBreaks * (groupGap - gap);
  const [width, height] = [Math.max(right, titleRight) + MARGIN, bottom + MARGIN];
  return { width, height, scale, tile, gap, groupGap, rowsPerGroup, left, top, columnLabelScale };
}

/** The larger of two text sizes at which every label fits over its tile. */
function labelScale(labels: readonly string[], tileWidth: number): number {
  const widest = Math.max(0, ...labels.map((label) => textWidth(toFontText(label))));
  return widest * LABEL_SCALE <= tileWidth ? LABEL_SCALE : 1;
}

function tileAt({ left, top, tile, gap, groupGap, rowsPerGroup }: Measures, row: number, column: number): Rectangle {
  const groupsAbove = Math.floor(row / rowsPerGroup);
  const y = top + row * (tile.height + gap) + groupsAbove * (groupGap - gap);
  return { x: left + column * (tile.width + gap), y, ...tile };
}

function drawTile(canvas: Canvas, image: Pixels, tile: Rectangle, scale: number): void {
  const frame = { x: tile.x - 1, y: tile.y - 1, width: tile.width + 2, height: tile.height + 2 };
  fillRectangle(canvas, frame, FRAME);
  blit(canvas, image, { x: tile.x, y: tile.y, scale });
}

function drawLabels(canvas: Canvas, layout: GridLayout, measures: Measures): void {
  if (layout.title) drawText(canvas, layout.title, { x: MARGIN, y: MARGIN, scale: TITLE_SCALE });
  for (const [row, label] of (layout.rowLabels ?? []).entries()) {
    const tile = tileAt(measures, row, 0);
    const y = tile.y + Math.floor((tile.height - GLYPH_ASCENT * LABEL_SCALE) / 2);
    drawText(canvas, label, { x: tile.x - LABEL_GAP, y, scale: LABEL_SCALE, align: "right" });
  }
  for (const [column, label] of (layout.columnLabels ?? []).entries()) {
    const tile = tileAt(measures, 0, column);
    const scale = measures.columnLabelScale;
    const y = tile.y - LABEL_GAP - GLYPH_ASCENT * scale;
    const x = tile.x + tile.width / 2;
    drawText(canvas, fit(label, tile.width / scale), { x, y, scale, align: "center" });
  }
}

/** The text, or as much of its beginning as fits, ended by "..". */
function fit(label: string, width: number): string {
  let text = toFontText(label);
  for (let kept = text.length; textWidth(text) > width && kept > 1; kept--) text = `${label.slice(0, kept - 1)}..`;
  return text;
}

function imagePixels({ images, size }: GridLayout, index: number): Pixels {
  const { height, width, channels } = size;
  const length = height * width * channels;
  const values = images.subarray(index * length, (index + 1) * length);
  const data = values instanceof Uint8Array ? values : Uint8ClampedArray.from(values, (value) => value * 255);
  return { width, height, channels: channels === 3 ? 3 : 1, data: new Uint8Array(data) };
}
