/** The legend of a chart: samples of the lines with their names, in rows above the plot where it covers nothing. */

import type { Plotted } from "./chartSeries.js";
import type { Mark } from "./drawing.js";
import { strokeTextWidth } from "./strokeFont.js";

/** Height of one row. */
export const LEGEND_ROW = 20;

/** The dashes of dashed series. */
export const DASH = "6 4";

/** Series by row, filled from the left as far as `width` goes; series without a name are left out. */
export function legendRows(plotted: readonly Plotted[], width: number): Plotted[][] {
  const rows: Plotted[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const one of plotted.filter(({ name }) => name !== "")) {
    if (used + entryWidth(one) - ENTRY_GAP > width) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)!.push(one);
    used += entryWidth(one);
  }
  return rows;
}

export function legendMarks(rows: readonly Plotted[][], { left, top }: { left: number; top: number }): Mark[] {
  return rows.flatMap((row, r) => {
    let x = left;
    return row.flatMap((one) => {
      const marks = entryMarks(one, { x, y: top + r * LEGEND_ROW + LEGEND_ROW / 2 });
      x += entryWidth(one);
      return marks;
    });
  });
}

const SAMPLE = 22;
const SAMPLE_GAP = 6;
const ENTRY_GAP = 18;
const SIZE = 12;

const entryWidth = ({ name }: Plotted): number => SAMPLE + SAMPLE_GAP + strokeTextWidth(name, SIZE) + ENTRY_GAP;

function entryMarks({ name, color, dashed, marked }: Plotted, { x, y }: { x: number; y: number }): Mark[] {
  const ends = [
    [x, y],
    [x + SAMPLE, y],
  ] as const;
  return [
    { kind: "line", runs: [ends], color, width: 2, ...(dashed ? { dash: DASH } : {}) },
    ...(marked ? [{ kind: "dots", points: [[x + SAMPLE / 2, y]], radius: 3, color } as const] : []),
    { kind: "text", text: name, at: [x + SAMPLE + SAMPLE_GAP, y + 0.36 * SIZE], size: SIZE, color: "#333333" },
  ];
}
