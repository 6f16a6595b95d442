/**
 * A picture made of lines, dots, boxes and text, written as SVG or rasterised to PNG.
 *
 * The SVG holds real text in a sans-serif font; the PNG draws its text with the strokes of the pixel font, because the
 * machine that rasterises may have no fonts at all.
 */

import { loadSharp } from "../sharp.js";
import type { Rectangle } from "./canvas.js";
import { strokeTextWidth, textStrokes, unitOf } from "./strokeFont.js";

/** A place, in pixels from the top left. */
export type Point = readonly [x: number, y: number];

export type Line = {
  readonly kind: "line";
  /** One or more runs of points, each drawn without a break. */
  readonly runs: readonly (readonly Point[])[];
  readonly color: string;
  readonly width: number;
  readonly dash?: string;
  readonly opacity?: number;
};

export type Dots = {
  readonly kind: "dots";
  readonly points: readonly Point[];
  readonly radius: number;
  readonly color: string;
};

/** Filled rectangles of one colour. */
export type Boxes = { readonly kind: "boxes"; readonly boxes: readonly Rectangle[]; readonly color: string };

export type Text = {
  readonly kind: "text";
  readonly text: string;
  /** Anchor of the text on its baseline. */
  readonly at: Point;
  readonly size: number;
  readonly color: string;
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
  /** Reads upwards, turned by 90 degrees about `at`. */
  readonly upwards?: boolean;
};

export type Mark = Line | Dots | Boxes | Text;

/** Marks on a white page; later marks lie on top. */
export type Drawing = {
  readonly width: number;
  readonly height: number;
  /** What it shows, for readers who cannot see it. */
  readonly title: string;
  readonly marks: readonly Mark[];
};

/** The drawing as an SVG document with real text. */
export function renderSvg(drawing: Drawing): string {
  return svgDocument(drawing, { scale: 1, drawText: fontText });
}

/** The drawing as the bytes of a PNG file, `scale` pixels (2 unless told) to a drawing pixel; needs no font. */
export async function renderPng(drawing: Drawing, { scale = 2 }: { scale?: number } = {}): Promise<Buffer> {
  const sharp = await loadSharp();
  const svg = svgDocument(drawing, { scale, drawText: strokeText });
  return sharp(Buffer.from(svg)).flatten({ background: "white" }).png({ compressionLevel: 9 }).toBuffer();
}

type SvgStyle = { readonly scale: number; readonly drawText: (text: Text) => string };

const FONT_FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const STROKE = 1; // pen width in font pixels
const BOLD_STROKE = 1.4;

function svgDocument({ width, height, title, marks }: Drawing, { scale, drawText }: SvgStyle): string {
  const lines = marks.map((mark) => {
    if (mark.kind === "line") return line(mark);
    if (mark.kind === "boxes") return boxes(mark);
    return mark.kind === "dots" ? dots(mark) : drawText(mark);
  });
  const size = `width="${width * scale}" height="${height * scale}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="${FONT_FAMILY}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...lines,
    "</svg>\n",
  ].join("\n");
}

function line({ runs, color, width, dash, opacity }: Line): string {
  const data = runs.map((run) => `M${run.map(coordinates).join("L")}`).join("");
  const extra = `${dash ? ` stroke-dasharray="${dash}"` : ""}${opacity ? ` stroke-opacity="${opacity}"` : ""}`;
  return `<path d="${data}" fill="none" stroke="${color}" stroke-width="${width}" stroke-linejoin="round"${extra}/>`;
}

function dots({ points, radius, color }: Dots): string {
  const circles = points.map(([x, y]) => `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}"/>`);
  return `<g fill="${color}">${circles.join("")}</g>`;
}

function boxes({ boxes, color }: Boxes): string {
  const outlines = boxes.map(
    ({ x, y, width, height }) => `M${coordinates([x, y])}h${short(width)}v${short(height)}h${short(-width)}z`,
  );
  return `<path d="${outlines.join("")}" fill="${color}"/>`;
}

function fontText({ text, at, size, color, anchor = "start", bold, upwards }: Text): string {
  const [x, y] = at.map(short);
  const turn = upwards ? ` transform="rotate(-90 ${x} ${y})"` : "";
  const weight = bold ? ' font-weight="600"' : "";
  const place = `x="${x}" y="${y}" font-size="${size}" fill="${color}" text-anchor="${anchor}"`;
  return `<text ${place}${weight}${turn}>${escapeXml(text)}</text>`;
}

function strokeText({ text, at, size, color, anchor = "start", bold, upwards }: Text): string {
  const slack = { start: 0, middle: 0.5, end: 1 }[anchor];
  const shift = short((-slack * strokeTextWidth(text, size)) / unitOf(size));
  const place = `translate(${at.map(short).join(" ")})${upwards ? " rotate(-90)" : ""}`;
  const pen = `stroke-width="${bold ? BOLD_STROKE : STROKE}" stroke-linecap="round" stroke-linejoin="round"`;
  const transform = `${place} scale(${unitOf(size)}) translate(${shift} 0)`;
  return `<path d="${textStrokes(text)}" fill="none" stroke="${color}" ${pen} transform="${transform}"/>`;
}

const coordinates = ([x, y]: Point): string => `${short(x)} ${short(y)}`;

/** Hundredths of a pixel are enough, and keep the file small. */
const short = (value: number): string => `${Math.round(value * 100) / 100}`;

function escapeXml(text: string): string {
  const visible = text.replace(/\p{Cc}/gu, " "); // control characters are not allowed in XML
  return visible.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
