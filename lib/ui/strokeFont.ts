/**
 * The pixel font as pen strokes: neighbouring pixels joined by lines, so that text in scaled charts has smooth edges.
 */

import { GLYPH_ASCENT, GLYPH_GAP, GLYPH_ROWS, type Glyph, glyphOf, textWidth, toFontText } from "./pixelFont.js";

/** Height of capitals as a share of the font size, about that of common sans-serif fonts. */
const CAPITAL_HEIGHT = 0.72;

/** Width of a line of text at `size`, in the same unit; a good guess for sans-serif fonts too. */
export function strokeTextWidth(text: string, size: number): number {
  return textWidth(toFontText(text)) * unitOf(size);
}

/** Edge of one font pixel at a font size. */
export function unitOf(size: number): number {
  return (CAPITAL_HEIGHT * size) / GLYPH_ASCENT;
}

/**
 * SVG path data of a line of text, in font pixels: it starts at x = 0 with its baseline at y = 0.
 * Stroke it with round caps and a width of about one font pixel.
 */
export function textStrokes(text: string): string {
  let path = "";
  let left = 0;
  for (const character of toFontText(text)) {
    const glyph = glyphOf(character);
    path += glyphStrokes(glyph, left);
    left += glyph.width + GLYPH_GAP;
  }
  return path;
}

type Direction = { readonly dx: number; readonly dy: number };

const DIRECTIONS: readonly Direction[] = [
  { dx: 1, dy: 0 },
  { dx: 0, dy: 1 },
  { dx: 1, dy: 1 },
  { dx: -1, dy: 1 },
];

function glyphStrokes(glyph: Glyph, left: number): string {
  let path = "";
  for (let y = 0; y < GLYPH_ROWS; y++) {
    for (let x = 0; x < glyph.width; x++) {
      if (!isInk(glyph, x, y)) continue;
      const from = `M${left + x + 0.5} ${y - GLYPH_ASCENT + 0.5}`;
      if (isAlone(glyph, x, y)) path += `${from}h.01`; // a round cap makes it a dot
      for (const direction of DIRECTIONS) {
        const length = strokeLength(glyph, x, y, direction);
        if (length > 0) path += `${from}l${length * direction.dx} ${length * direction.dy}`;
      }
    }
  }
  return path;
}

/** How far the straight stroke that begins at a pixel goes; 0 when none begins there. */
function strokeLength(glyph: Glyph, x: number, y: number, { dx, dy }: Direction): number {
  if (isJoined(glyph, x - dx, y - dy, { dx, dy })) return 0;
  let length = 0;
  while (isJoined(glyph, x + length * dx, y + length * dy, { dx, dy })) length++;
  return length;
}

/** Whether the pen goes straight from a pixel to its neighbour; diagonally only where there is no way around. */
function isJoined(glyph: Glyph, x: number, y: number, { dx, dy }: Direction): boolean {
  if (!isInk(glyph, x, y) || !isInk(glyph, x + dx, y + dy)) return false;
  return dx === 0 || dy === 0 || !(isInk(glyph, x + dx, y) || isInk(glyph, x, y + dy));
}

function isAlone(glyph: Glyph, x: number, y: number): boolean {
  return !DIRECTIONS.some(({ dx, dy }) => isInk(glyph, x + dx, y + dy) || isInk(glyph, x - dx, y - dy));
}

function isInk(glyph: Glyph, x: number, y: number): boolean {
  return glyph.rows[y]?.[x] === "#";
}
