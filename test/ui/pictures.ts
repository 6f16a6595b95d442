/** Looking at pictures in tests: single pixels, and whether a text stands in a place. */
import sharp from "sharp";
import * as assert from "uvu/assert";
import type { Canvas } from "../../lib/ui/canvas.js";
import { GLYPH_GAP, GLYPH_ROWS, glyphOf } from "../../lib/ui/pixelFont.js";

/** The picture in the bytes of a PNG file. */
export async function decodePng(bytes: Buffer): Promise<Canvas> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  assert.is(info.format, "raw");
  assert.is(info.channels, 3);
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

/** Red, green and blue of a pixel. */
export function pixel({ width, data }: Canvas, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

export const isDark = (canvas: Canvas, x: number, y: number): boolean =>
  pixel(canvas, x, y).every((value) => value < 90);

/** Whether exactly this text stands with its top left corner at (x, y), dark on light. */
export function hasText(
  canvas: Canvas,
  text: string,
  { x, y, scale }: { x: number; y: number; scale: number },
): boolean {
  let left = x;
  for (const character of text) {
    const { width, rows } = glyphOf(character);
    for (let row = 0; row < GLYPH_ROWS * scale; row++) {
      for (let column = 0; column < width * scale; column++) {
        const ink = rows[Math.floor(row / scale)]![Math.floor(column / scale)] === "#";
        if (isDark(canvas, left + column, y + row) !== ink) return false;
      }
    }
    left += (width + GLYPH_GAP) * scale;
  }
  return true;
}

/** Every top left corner at which a text stands. */
export function findText(canvas: Canvas, text: string, scale: number): { x: number; y: number }[] {
  const found: { x: number; y: number }[] = [];
  for (let y = 0; y < canvas.height - GLYPH_ROWS * scale; y++)
    for (let x = 0; x < canvas.width; x++) if (hasText(canvas, text, { x, y, scale })) found.push({ x, y });
  return found;
}
