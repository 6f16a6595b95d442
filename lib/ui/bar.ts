/** Something counted: a bar that moves on a terminal (cli-progress), a line now and then elsewhere. */

import type { Options, SingleBar } from "cli-progress";
import { displayWidth, formatDuration, formatInteger, formatRate, formatRemaining } from "./format.js";
import { createRateMeter } from "./rate.js";
import { formatValue, type RowRecord } from "./rows.js";
import { harmless, type Live, type Terminal } from "./terminal.js";

export type BarOptions = {
  readonly total: number;
  /** What is counted, in the plural: "images". */
  readonly unit: string;
  /** What is being done: "encoding". */
  readonly label: string;
  /** Done before this began; 0 unless told. */
  readonly start?: number;
};

export type Bar = {
  /** So much is done by now; `extras` are shown at the end of the line and stay until others come. */
  update(done: number, extras?: RowRecord): void;
  /** Ends with a line that says how much was done and how long it took; what is called after that does nothing. */
  stop(): void;
};

/** Starts a bar on a terminal that can redraw; `SingleBarClass` is `SingleBar` of cli-progress. */
export function liveBar(
  options: BarOptions & { now: () => number },
  terminal: Terminal,
  SingleBarClass: typeof SingleBar,
): Bar & Live {
  const count = createCount(options);
  const screen = barScreen(terminal);
  let ended = false;
  const settings: Options & { terminal: BarScreen } = {
    format: () => barLine(count, ended, terminal.columns() - 1), // the last column would wrap on some terminals
    terminal: screen,
    gracefulExit: false, // signals belong to whoever runs the command
  };
  const bar = new SingleBarClass(settings);
  bar.start(options.total, options.start ?? 0);
  return {
    update(done, extras) {
      count.update(done, extras);
      bar.update(done);
    },
    stop() {
      ended = true;
      bar.stop();
    },
    above: (lines) => (ended ? terminal.write(lines) : screen.above(lines)),
  };
}

/** The same as plain lines: whenever 10% more is done, a second apart, or 10 s have passed; and one at the end. */
export function plainBar(options: BarOptions & { now: () => number }, print: (line: string) => void): Bar & Noted {
  const count = createCount(options);
  const { total, now } = options;
  let last = { at: now(), done: count.done() };
  let ended = false;
  const note = () => {
    last = { at: now(), done: count.done() };
  };
  return {
    update(done, extras) {
      count.update(done, extras);
      const [waited, gone] = [now() - last.at, (done - last.done) / total];
      if (ended || done >= total || !(waited >= LONG_WAIT || (waited >= SHORT_WAIT && gone >= SHARE))) return;
      note();
      print(count.fields(false).join("  "));
    },
    stop() {
      if (!ended) print(count.fields(true).join("  "));
      ended = true;
    },
    note,
  };
}

/** A plain bar is told when something else has just shown progress, so that it need not. */
export type Noted = { note(): void };

const LONG_WAIT = 10; // seconds
const SHORT_WAIT = 1;
const SHARE = 0.1;
const BAR_CELLS = { least: 8, most: 28 };

type Count = {
  done(): number;
  share(): number;
  update(done: number, extras?: RowRecord): void;
  /** What a line says, the label first. */
  fields(ended: boolean): string[];
};

function createCount({ total, unit, label, start = 0, now }: BarOptions & { now: () => number }): Count {
  const began = now();
  const meter = createRateMeter({ start, now });
  const shown = harmless(label);
  let done = start;
  let extras: RowRecord = {};
  const share = () => (total > 0 ? Math.min(1, done / total) : 1);
  const rate = (perSecond: number) => (Number.isFinite(perSecond) ? [formatRate(perSecond, unit)] : []);
  return {
    done: () => done,
    share,
    update(next, more) {
      done = next;
      extras = more ?? extras;
      meter.update(next);
    },
    fields(ended) {
      const all = formatInteger(total);
      const counted = `${formatInteger(done).padStart(all.length)}/${all} ${unit}`;
      const percent = `${Math.floor(100 * share())}%`.padStart(4);
      const elapsed = now() - began;
      const time = ended ? formatDuration(elapsed) : `ETA ${formatRemaining(meter.remaining(total))}`;
      const named = Object.entries(extras).map(([name, value]) => `${name} ${formatValue(name, value)}`);
      const perSecond = ended ? (done - start) / elapsed : meter.perSecond();
      return [shown, percent, counted, ...rate(perSecond), time, ...named.map(harmless)];
    },
  };
}

/** The fields with a bar after the label where there is room for one, cut where even they do not fit. */
function barLine(count: Count, ended: boolean, width: number): string {
  const [label, ...rest] = count.fields(ended);
  const text = [label, ...rest].join("  ");
  const room = Math.min(BAR_CELLS.most, width - displayWidth(text) - 2);
  if (ended || room < BAR_CELLS.least) return [...text].slice(0, width).join("");
  const full = Math.round(room * count.share());
  return [label, "█".repeat(full) + "░".repeat(room - full), ...rest].join("  ");
}

type BarScreen = Pick<Live, "above"> &
  Record<"cursorSave" | "cursorRestore" | "cursorTo" | "clearRight" | "clearLine", () => void> & {
    isTTY(): boolean;
    getWidth(): number;
    cursor(): void;
    lineWrapping(): void;
    newline(): void;
    write(line: string): void;
  };

/**
 * The terminal as cli-progress asks for it. Its own one returns to a saved place of the screen at the end, which is
 * wrong as soon as a line has appeared above the bar; this one redraws the line the cursor is in.
 */
function barScreen({ write, columns }: Terminal): BarScreen {
  let drawn = "";
  const nothing = () => {};
  return {
    isTTY: () => true,
    getWidth: columns,
    write(line) {
      drawn = line;
      write(`\r${line}\u001b[K`);
    },
    above: (lines) => write(`\r\u001b[K${lines}${drawn}`),
    newline: () => write("\n"),
    cursorSave: nothing,
    cursorRestore: nothing,
    cursorTo: nothing,
    clearRight: nothing,
    clearLine: nothing,
    cursor: nothing,
    lineWrapping: nothing,
  };
}
