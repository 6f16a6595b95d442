/** Line charts: one panel, or several in one picture. */

import { type Panel, panelMarks } from "./chartPanel.js";
import type { Drawing, Mark } from "./drawing.js";

export type LineChartOptions = Panel & {
  /** Size of the picture; 720 x 420 unless told. */
  readonly width?: number;
  readonly height?: number;
};

export type MultiChartOptions = {
  readonly title?: string;
  readonly panels: readonly Panel[];
  /** Panels side by side; 1 unless told. */
  readonly columns?: number;
  /** Width of the whole picture; 720 a column unless told. */
  readonly width?: number;
  /** Height of one panel; 260 unless told. */
  readonly panelHeight?: number;
};

/**
 * One chart; write it with `renderSvg` or `renderPng`.
 * @throws RangeError when a series has more x than y or the other way round
 */
export function lineChart({ width = 720, height = 420, ...panel }: LineChartOptions): Drawing {
  const marks = panelMarks(panel, { x: MARGIN, y: MARGIN, width: width - 2 * MARGIN, height: height - 2 * MARGIN });
  return { width, height, title: panel.title ?? "", marks };
}

/** Several charts in one picture, filled row by row: the curves of a training run, say; throws as `lineChart` does. */
export function multiChart(options: MultiChartOptions): Drawing {
  const { title = "", panels, columns = 1, panelHeight = 260 } = options;
  const width = options.width ?? 720 * columns;
  const top = MARGIN + (title ? TITLE_HEIGHT : 0);
  const cell = { width: (width - 2 * MARGIN - COLUMN_GAP * (columns - 1)) / columns, height: panelHeight };
  const heading: Mark[] = title
    ? [{ kind: "text", text: title, at: [MARGIN, MARGIN + 16], size: 18, color: "#262626", bold: true }]
    : [];
  const marks = panels.flatMap((panel, i) => {
    const x = MARGIN + (i % columns) * (cell.width + COLUMN_GAP);
    const y = top + Math.floor(i / columns) * (cell.height + MARGIN);
    return panelMarks(panel, { x, y, ...cell });
  });
  const height = top + Math.max(1, Math.ceil(panels.length / columns)) * (cell.height + MARGIN);
  return { width, height, title, marks: [...heading, ...marks] };
}

const MARGIN = 16;
const COLUMN_GAP = 36;
const TITLE_HEIGHT = 32;
