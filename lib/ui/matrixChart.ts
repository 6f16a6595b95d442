/** A square matrix of shares as a picture: the darker a cell, the larger its share. */
import type { Rectangle } from "./canvas.js";
import type { Drawing, Mark } from "./drawing.js";
import { strokeTextWidth } from "./strokeFont.js";

export type MatrixChartOptions = {
  readonly title: string;
  /** What rows and columns are. */
  readonly rowTitle: string;
  readonly columnTitle: string;
  /** Names of rows and columns alike, [n]. */
  readonly names: readonly string[];
  /** Row by row, [n][n], each 0..1; 0 stays white. */
  readonly shares: readonly (readonly number[])[];
};

/**
 * One cell for each share. Cells get smaller the more there are; names and percents are written where there is room.
 * @throws RangeError when the matrix is not as large as the list of names
 */
export function matrixChart(options: MatrixChartOptions): Drawing {
  const { title, shares } = options;
  const names = options.names.map(shortened);
  const n = names.length;
  if (shares.length !== n || shares.some((row) => row.length !== n))
    throw new RangeError(`matrix chart: want ${n} rows of ${n} shares for ${n} names`);
  const side = Math.max(SMALLEST_CELL, Math.min(LARGEST_CELL, Math.floor(COMFORTABLE_WIDTH / Math.max(1, n))));
  const named = side >= NAMED_CELL;
  const labels = named ? Math.max(0, ...names.map((name) => strokeTextWidth(name, SIZE))) + GAP : 0;
  const plot = { x: MARGIN + LINE + labels, y: MARGIN + TITLE_HEIGHT + LINE + labels, side: side * n };
  const width = Math.max(plot.x + plot.side, MARGIN + strokeTextWidth(title, TITLE_SIZE)) + MARGIN;
  const marks = [
    text(title, [MARGIN, MARGIN + TITLE_SIZE], { size: TITLE_SIZE, bold: true }),
    ...axisTitles(options, plot),
    ...(named ? nameMarks(names, plot, side) : []),
    ...cellMarks(shares, plot, side),
    frame(plot),
    ...(side >= WRITTEN_CELL ? percentMarks(shares, plot, side) : []),
  ];
  return { width, height: plot.y + plot.side + MARGIN, title, marks };
}

const MARGIN = 16;
const TITLE_HEIGHT = 28;
const TITLE_SIZE = 15;
const LINE = 18; // height of an axis title
const GAP = 6;
const SIZE = 11;
const INK = "#262626";
const FULL = [0x00, 0x72, 0xb2] as const; // the blue of the line charts
const LEVELS = 10; // shades; the palest for all that is not 0
const COMFORTABLE_WIDTH = 480;
const SMALLEST_CELL = 1;
const LARGEST_CELL = 40;
const NAMED_CELL = 12;
const WRITTEN_CELL = 26;
const LONGEST = 24; // characters of a name
const TO_MIDDLE = 0.36; // of the font size: from the middle of the capitals down to the baseline

type Plot = { readonly x: number; readonly y: number; readonly side: number };

type TextStyle = Partial<Omit<Extract<Mark, { kind: "text" }>, "kind" | "text" | "at">>;

const text = (words: string, at: readonly [number, number], style: TextStyle = {}): Mark => {
  return { kind: "text", text: words, at, size: SIZE, color: INK, ...style };
};

function axisTitles({ rowTitle, columnTitle }: MatrixChartOptions, { x, y, side }: Plot): Mark[] {
  return [
    text(columnTitle, [x + side / 2, MARGIN + TITLE_HEIGHT + SIZE], { anchor: "middle" }),
    text(rowTitle, [MARGIN + SIZE, y + side / 2], { anchor: "middle", upwards: true }),
  ];
}

function nameMarks(names: readonly string[], { x, y }: Plot, side: number): Mark[] {
  const middle = (i: number) => (i + 0.5) * side + TO_MIDDLE * SIZE;
  return names.flatMap((name, i) => [
    text(name, [x - GAP, y + middle(i)], { anchor: "end" }),
    text(name, [x + middle(i), y - GAP], { upwards: true }),
  ]);
}

const shortened = (name: string): string => (name.length > LONGEST ? `${name.slice(0, LONGEST - 2)}..` : name);

const levelOf = (share: number): number => Math.min(LEVELS, Math.ceil(share * LEVELS));

/** All cells of a shade as one mark. */
function cellMarks(shares: readonly (readonly number[])[], { x, y }: Plot, side: number): Mark[] {
  const byLevel = Array.from({ length: LEVELS + 1 }, (): Rectangle[] => []);
  for (const [row, values] of shares.entries())
    for (const [column, share] of values.entries())
      byLevel[levelOf(share)]!.push({ x: x + column * side, y: y + row * side, width: side, height: side });
  return byLevel.flatMap((boxes, level): Mark[] =>
    level === 0 || boxes.length === 0 ? [] : [{ kind: "boxes", boxes, color: shade(level / LEVELS) }],
  );
}

function percentMarks(shares: readonly (readonly number[])[], { x, y }: Plot, side: number): Mark[] {
  return shares.flatMap((values, row) =>
    values.flatMap((share, column) => {
      const percent = Math.round(100 * share);
      if (percent === 0) return [];
      const at = [x + (column + 0.5) * side, y + (row + 0.5) * side + TO_MIDDLE * SIZE] as const;
      return [text(`${percent}`, at, { anchor: "middle", color: levelOf(share) > LEVELS / 2 ? "#ffffff" : INK })];
    }),
  );
}

function frame({ x, y, side }: Plot): Mark {
  const corners = [
    [x, y],
    [x + side, y],
    [x + side, y + side],
    [x, y + side],
    [x, y],
  ] as const;
  return { kind: "line", runs: [corners], color: "#8c8c8c", width: 1 };
}

/** White at 0, `FULL` at 1. */
function shade(amount: number): string {
  return `#${FULL.map((value) =>
    Math.round(255 + amount * (value - 255))
      .toString(16)
      .padStart(2, "0"),
  ).join("")}`;
}
