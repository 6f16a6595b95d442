/** Plain text tables: columns two spaces apart, numbers at the right edge. */

import { column, displayWidth, formatInteger, formatSignificant } from "./format.js";

/** Text as it is; a number is written with `formatInteger` or `formatSignificant`. */
export type Cell = string | number;

export type TableOptions = {
  readonly header?: readonly string[];
  /** Rows may be of unequal length; what is missing stays blank. */
  readonly rows: readonly (readonly Cell[])[];
  /** Per column; by default a column is right-aligned when all its cells look like numbers. */
  readonly align?: readonly ("left" | "right" | undefined)[];
};

/** The table as lines, each ended by a newline, without trailing spaces; "" when there is nothing. */
export function textTable({ header, rows, align = [] }: TableOptions): string {
  const body = rows.map((row) => row.map(cellText));
  const lines = header ? [[...header], ...body] : body;
  const count = most(lines, (line) => line.length);
  const widths = Array.from({ length: count }, (_, c) => most(lines, (line) => displayWidth(line[c] ?? "")));
  const sides = widths.map((_, c) => align[c] ?? (body.every((row) => looksNumeric(row[c] ?? "")) ? "right" : "left"));
  return lines
    .map(
      (line) =>
        `${widths
          .map((width, c) => column(line[c] ?? "", width, sides[c]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** The largest measure of a line, 0 without lines; there may be more of them than a call takes arguments. */
function most(lines: readonly string[][], measure: (line: readonly string[]) => number): number {
  return lines.reduce((largest, line) => Math.max(largest, measure(line)), 0);
}

function cellText(cell: Cell): string {
  if (typeof cell === "string") return cell;
  return Number.isInteger(cell) ? formatInteger(cell) : formatSignificant(cell);
}

/** A number with or without a unit, or what stands for one that is missing. */
function looksNumeric(text: string): boolean {
  return /^(|-|[-+]?(inf|nan|\.?\d.*))$/.test(text);
}
