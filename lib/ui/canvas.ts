/** An RGB picture in memory, the few strokes that grids need, and PNG. */

import { loadSharp } from "../sharp.js";
import { GLYPH_GAP, GLYPH_ROWS, glyphOf, textWidth, toFontText } from "./pixelFont.js";

/** Red, green and blue, each 0..255. */
export type Color = readonly [red: number, green: number, blue: number];

/** An RGB picture: pixel (x, y) at `data[3 * (y * width + x)]`, row 0 on top. */
export type Canvas = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** Pixels to copy onto a canvas, row-major, grey (1 channel) or RGB (3). */
export type Pixels = {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
};

export type Rectangle = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

export type TextPlace = {
  /** Left edge of the first glyph, or the middle or right edge of the text as `align` says. */
  readonly x: number;
  /** Top of the capitals. */
  readonly y: number;
  /** Canvas pixels per font pixel, a whole number; 1 unless told. */
  readonly scale?: number;
  readonly color?: Color;
  readonly align?: "left" | "center" | "right";
};

/** Most pixels of a picture that `encodePng` takes: sharp's limit. */
export const MOST_PIXELS = 0x3fff ** 2;

export const WHITE: Color = [255, 255, 255];
export const INK: Color = [38, 38, 38];

/**
 * A canvas of one colour, white unless told.
 * @throws RangeError when width or height is not a whole number above 0
 */
export function createCanvas(size: { width: number; height: number }, background: Color = WHITE): Canvas {
  const { width, height } = size;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new RangeError(`canvas: want whole width and height above 0, got ${width} x ${height}`);
  const canvas = { width, height, data: new Uint8Array(width * height * 3) };
  fillRectangle(canvas, { x: 0, y: 0, width, height }, background);
  return canvas;
}

/** Fills a rectangle, cut off at the canvas edges. */
export function fillRectangle({ data, ...canvas }: Canvas, area: Rectangle, color: Color): void {
  const left = Math.max(0, area.x);
  const right = Math.min(canvas.width, area.x + area.width);
  const bottom = Math.min(canvas.height, area.y + area.height);
  if (left >= right) return;
  for (let y = Math.max(0, area.y); y < bottom; y++) {
    const row = 3 * y * canvas.width;
    for (let at = row + 3 * left; at < row + 3 * right; at += 3) {
      data[at] = color[0];
      data[at + 1] = color[1];
      data[at + 2] = color[2];
    }
  }
}

/** Writes one line of text; see `toFontText` for characters outside ASCII. */
export function drawText(canvas: Canvas, text: string, place: TextPlace): void {
  const { scale = 1, color = INK, align = "left" } = place;
  const shown = toFontText(text);
  const slack = { left: 0, center: 0.5, right: 1 }[align];
  let x = Math.round(place.x - slack * textWidth(shown) * scale);
  for (const character of shown) {
    drawGlyph(canvas, character, { x, y: place.y, scale, color });
    x += (glyphOf(character).width + GLYPH_GAP) * scale;
  }
}

/**
 * Copies an image onto the canvas, each of its pixels as a square of `scale` canvas pixels (nearest neighbour).
 * @throws RangeError when the scaled image does not lie inside the canvas
 */
export function blit(canvas: Canvas, image: Pixels, place: { x: number; y: number; scale?: number }): void {
  const { scale = 1 } = place;
  const [width, height] = [image.width * scale, image.height * scale];
  if (place.x < 0 || place.y < 0 || place.x + width > canvas.width || place.y + height > canvas.height)
    throw new RangeError(
      `canvas: a ${width} x ${height} image at (${place.x}, ${place.y}) leaves the ${canvas.width} x ${canvas.height} canvas`,
    );
  const green = image.channels === 3 ? 1 : 0; // offsets of the other two channels: none for a grey image
  const blue = 2 * green;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / scale) * image.width;
    let to = 3 * ((place.y + y) * canvas.width + place.x);
    for (let x = 0; x < width; x++) {
      const from = (row + Math.floor(x / scale)) * image.channels;
      canvas.data[to++] = image.data[from]!;
      canvas.data[to++] = image.data[from + green]!;
      canvas.data[to++] = image.data[from + blue]!;
    }
  }
}

/** The canvas as the bytes of a PNG file. */
export async function encodePng(canvas: Canvas): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { width: canvas.width, height: canvas.height, channels: 3 } as const;
  return sharp(canvas.data, { raw }).png({ compressionLevel: 9 }).toBuffer();
}

function drawGlyph(
  canvas: Canvas,
  character: string,
  pen: { x: number; y: number; scale: number; color: Color },
): void {
  const { rows, width } = glyphOf(character);
  const { scale, color } = pen;
  for (let row = 0; row < GLYPH_ROWS; row++) {
    for (let column = 0; column < width; column++) {
      if (rows[row]![column] !== "#") continue;
      const [x, y] = [pen.x + column * scale, pen.y + row * scale];
      fillRectangle(canvas, { x, y, width: scale, height: scale }, color);
    }
  }
}
