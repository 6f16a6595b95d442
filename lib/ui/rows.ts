/** The running table of a training run: one aligned line an interval, the header now and then. */

import { column, displayWidth, formatDuration, formatPercent, formatRemaining, formatSignificant } from "./format.js";

/** Values of one line by column name; the first record decides the order of columns. */
export type RowRecord = Readonly<Record<string, number | string | undefined>>;

export type RowPrinter = {
  /** The lines to print for a record: its row, with the header before it when that is due. */
  next(record: RowRecord): { header?: string; row: string };
};

/**
 * A printer that repeats the header every 20 rows, and when columns appear or need more room.
 * Numbers are written by the column's name, see `formatValue`; a column the record lacks shows "-".
 */
export function createRowPrinter(): RowPrinter {
  const widths = new Map<string, number>();
  const measured = new Set<string>();
  let sinceHeader = HEADER_EVERY;
  return {
    next(record) {
      const cells = new Map(Object.entries(record).map(([name, value]) => [name, cellOf(name, value, measured)]));
      if (makeRoom(widths, cells)) sinceHeader = HEADER_EVERY;
      const line = (text: (name: string) => string) =>
        [...widths].map(([name, width]) => column(text(name), width, "right")).join("  ");
      const row = line((name) => cells.get(name) ?? "-");
      sinceHeader = sinceHeader < HEADER_EVERY ? sinceHeader + 1 : 1;
      return sinceHeader === 1 ? { header: line((name) => name), row } : { row };
    },
  };
}

/**
 * A value as its column shows it: whole numbers in full, "usage", "accuracy", "top-1" and "encoding" (shares of 1) in percent,
 * "eta" and "elapsed" (seconds) as time spans, "lr" and rates ("images/s") in 3 digits, everything else in 4.
 */
export function formatValue(name: string, value: number | string | undefined): string {
  if (typeof value === "number" && Number.isInteger(value) && kindOf(name) === "plain") return `${value}`;
  return formatMeasured(name, value);
}

const HEADER_EVERY = 20;

type Kind = "remaining" | "elapsed" | "share" | "short" | "count" | "plain";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["step", "count"],
  ["epoch", "count"],
  ["eta", "remaining"],
  ["elapsed", "elapsed"],
  ["usage", "share"],
  ["accuracy", "share"],
  ["top-1", "share"],
  ["encoding", "share"],
  ["lr", "short"],
]);

const USUAL_WIDTHS: Readonly<Record<Kind, number>> = {
  remaining: 7, // 59m 59s
  elapsed: 7,
  share: 6, // 100.0%
  short: 7, // 4.50e-4
  count: 6, // 999999
  plain: 8, // 0.001234, 1.234e-5
};

function kindOf(name: string): Kind {
  return KINDS.get(name.toLowerCase()) ?? (name.endsWith("/s") ? "short" : "plain");
}

function formatMeasured(name: string, value: number | string | undefined): string {
  if (value === undefined) return "-";
  if (typeof value === "string") return value;
  const kind = kindOf(name);
  if (kind === "remaining") return formatRemaining(value);
  if (kind === "elapsed") return formatDuration(value);
  if (kind === "share") return formatPercent(value);
  if (kind === "count") return `${value}`;
  return formatSignificant(value, kind === "short" ? 3 : 4);
}

/** A column that once held a fraction keeps its decimals: 25.50 is followed by 26.00. */
function cellOf(name: string, value: number | string | undefined, measured: Set<string>): string {
  if (typeof value === "number" && !Number.isInteger(value)) measured.add(name);
  return measured.has(name) ? formatMeasured(name, value) : formatValue(name, value);
}

/** Widens columns to fit the cells of a record; whether that changed anything. */
function makeRoom(widths: Map<string, number>, cells: ReadonlyMap<string, string>): boolean {
  let changed = false;
  for (const [name, cell] of cells) {
    const wanted = Math.max(displayWidth(name), displayWidth(cell));
    if (wanted <= (widths.get(name) ?? 0)) continue;
    widths.set(name, Math.max(wanted, USUAL_WIDTHS[kindOf(name)]));
    changed = true;
  }
  return changed;
}
