/** One chart within a rectangle of the page: title, legend, axes with grid, reference lines, series. */

import type { Rectangle } from "./canvas.js";
import { type Axis, linearAxis, logAxis } from "./chartAxis.js";
import { DASH, LEGEND_ROW, legendMarks, legendRows } from "./chartLegend.js";
import { type Plotted, plot, type Run, type Series } from "./chartSeries.js";
import type { Mark, Point } from "./drawing.js";
import { strokeTextWidth } from "./strokeFont.js";

/** A level to compare with, drawn as a horizontal dashed line with its name at the right. */
export type Reference = { readonly name: string; readonly y: number };

/** What one chart shows. */
export type Panel = {
  readonly title?: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  readonly series: readonly Series[];
  /** A log axis leaves out values that are not above 0. */
  readonly yScale?: "linear" | "log";
  readonly references?: readonly Reference[];
};

/**
 * Everything to draw for a panel inside `area`.
 * @throws RangeError when a series has more x than y or the other way round
 */
export function panelMarks(panel: Panel, area: Rectangle): Mark[] {
  const positive = panel.yScale === "log";
  const references = (panel.references ?? []).filter(({ y }) => Number.isFinite(y) && (!positive || y > 0));
  const plotted = panel.series.map((series, i) => plot(series, i, { positive }));
  const legend = legendRows(plotted, area.width);
  const frame = frameOf({ ...panel, references }, { plotted, area, legendHeight: legend.length * LEGEND_ROW });
  const left = area.x;
  const legendTop = area.y + (panel.title ? TITLE_HEIGHT : 0);
  return [
    ...(panel.title ? [label(panel.title, [left, area.y + 14], { size: 15, color: INK, bold: true })] : []),
    ...legendMarks(legend, { left, top: legendTop }),
    ...axisMarks(panel, frame),
    ...referenceMarks(references, frame),
    ...plotted.flatMap((one) => seriesMarks(one, frame)),
    ...(plotted.some(({ runs }) => runs.length > 0) ? [] : [emptyNote(frame)]),
  ];
}

const INK = "#262626";
const SOFT_INK = "#5a5a5a";
const GRID = "#e8e8e8";
const AXIS = "#8c8c8c";
const TITLE_HEIGHT = 26;
const LABEL_SIZE = 12;
const TICK_SIZE = 11;
const PIXELS_PER_TICK = { x: 72, y: 34 };
const TO_MIDDLE = 0.36; // of the font size: from the middle of the capitals down to the baseline

/** Where the plot is, and its axes. */
type Frame = { readonly area: Rectangle; readonly plot: Rectangle; readonly x: Axis; readonly y: Axis };

type Contents = { readonly plotted: readonly Plotted[]; readonly area: Rectangle; readonly legendHeight: number };

function frameOf(panel: Panel, { plotted, area, legendHeight }: Contents): Frame {
  const points = plotted.flatMap(({ runs, pale }) => [...runs, ...pale]).flat();
  const references = panel.references ?? [];
  const top = area.y + (panel.title ? TITLE_HEIGHT : 0) + legendHeight + 8;
  const bottom = area.y + area.height - (panel.xLabel ? 40 : 22);
  const height = Math.max(1, bottom - top);
  const y = verticalAxis([...points.map((point) => point[1]), ...references.map((one) => one.y)], panel, height);
  const tickWidth = Math.max(0, ...y.ticks.map((tick) => strokeTextWidth(tick.label, TICK_SIZE)));
  const left = area.x + (panel.yLabel ? 26 : 0) + tickWidth + 8;
  const nameWidth = Math.max(12, ...references.map(({ name }) => strokeTextWidth(name, TICK_SIZE) + 8));
  const width = Math.max(1, area.x + area.width - nameWidth - left);
  const across = points.map((point) => point[0]);
  const maxTicks = Math.max(2, Math.floor(width / PIXELS_PER_TICK.x));
  const x = linearAxis({ values: across.length > 0 ? across : [0, 1], maxTicks });
  return { area, plot: { x: left, y: top, width, height }, x, y };
}

function verticalAxis(values: readonly number[], { yScale = "linear" }: Panel, height: number): Axis {
  const spacing = yScale === "log" ? PIXELS_PER_TICK.y * 0.7 : PIXELS_PER_TICK.y; // powers of ten cannot be spread
  const maxTicks = Math.max(2, Math.floor(height / spacing));
  const axis = yScale === "log" ? logAxis : linearAxis;
  const blank = yScale === "log" ? [0.1, 1] : [0, 1];
  return axis({ values: values.length > 0 ? values : blank, maxTicks, roundEnds: true });
}

function axisMarks({ xLabel, yLabel }: Panel, { area, plot, x, y }: Frame): Mark[] {
  const [right, bottom] = [plot.x + plot.width, plot.y + plot.height];
  const across = x.ticks.map(({ value }) => plot.x + plot.width * x.project(value));
  const up = y.ticks.map(({ value }) => bottom - plot.height * y.project(value));
  const grid = [
    ...across.map(
      (at): Run => [
        [at, plot.y],
        [at, bottom],
      ],
    ),
    ...up.map(
      (at): Run => [
        [plot.x, at],
        [right, at],
      ],
    ),
  ];
  const xNames = x.ticks.map((tick, i) => label(tick.label, [across[i]!, bottom + 16], { ...SMALL, anchor: "middle" }));
  const yNames = y.ticks.map((tick, i) =>
    label(tick.label, [plot.x - 8, up[i]! + TO_MIDDLE * TICK_SIZE], { ...SMALL, anchor: "end" }),
  );
  const [middle, center] = [plot.x + plot.width / 2, plot.y + plot.height / 2];
  return [
    ...(grid.length > 0 ? [{ kind: "line", runs: grid, color: GRID, width: 1 } as const] : []),
    {
      kind: "line",
      runs: [
        [
          [plot.x, bottom],
          [right, bottom],
        ],
      ],
      color: AXIS,
      width: 1,
    },
    ...xNames,
    ...yNames,
    ...(xLabel ? [label(xLabel, [middle, area.y + area.height - 4], { ...PLAIN, anchor: "middle" })] : []),
    ...(yLabel ? [label(yLabel, [area.x + LABEL_SIZE, center], { ...PLAIN, anchor: "middle", upwards: true })] : []),
  ];
}

/** The lines, and the names at the right, moved apart where they would overlap. */
function referenceMarks(references: readonly Reference[], { plot, y }: Frame): Mark[] {
  const right = plot.x + plot.width;
  const placed = references.map(({ name, y: level }) => ({ name, at: plot.y + plot.height * (1 - y.project(level)) }));
  let lowest = Number.NEGATIVE_INFINITY;
  return placed
    .sort((a, b) => a.at - b.at)
    .flatMap(({ name, at }): Mark[] => {
      lowest = Math.max(at + TO_MIDDLE * TICK_SIZE, lowest + TICK_SIZE + 3);
      return [
        {
          kind: "line",
          runs: [
            [
              [plot.x, at],
              [right, at],
            ],
          ],
          color: SOFT_INK,
          width: 1.2,
          dash: DASH,
        },
        label(name, [right + 6, lowest], SMALL),
      ];
    });
}

function seriesMarks({ runs, pale, color, dashed, marked, jagged }: Plotted, frame: Frame): Mark[] {
  const place = (run: Run): Point[] => run.map((point) => onPage(point, frame));
  const lines = runs.filter((run) => run.length > 1).map(place);
  const dots = (marked ? runs : runs.filter((run) => run.length === 1)).flatMap(place);
  return [
    ...(pale.length > 0 ? [{ kind: "line", runs: pale.map(place), color, width: 1, opacity: 0.25 } as const] : []),
    ...(lines.length > 0
      ? [{ kind: "line", runs: lines, color, width: jagged ? 1.2 : 2, ...(dashed ? { dash: DASH } : {}) } as const]
      : []),
    ...(dots.length > 0 ? [{ kind: "dots", points: dots, radius: 3, color } as const] : []),
  ];
}

function onPage([x, y]: readonly [number, number], { plot, ...axes }: Frame): Point {
  return [plot.x + plot.width * axes.x.project(x), plot.y + plot.height * (1 - axes.y.project(y))];
}

function emptyNote({ plot }: Frame): Mark {
  const at = [plot.x + plot.width / 2, plot.y + plot.height / 2] as const;
  return label("no data", at, { ...PLAIN, anchor: "middle" });
}

type TextStyle = Omit<Extract<Mark, { kind: "text" }>, "kind" | "text" | "at">;

const SMALL: TextStyle = { size: TICK_SIZE, color: SOFT_INK };
const PLAIN: TextStyle = { size: LABEL_SIZE, color: INK };

const label = (text: string, at: Point, style: TextStyle): Mark => ({ kind: "text", text, at, ...style });
