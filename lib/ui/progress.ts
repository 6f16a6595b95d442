/**
 * What a command says while it works: messages, spinner, bar and the table of training, on one stream.
 *
 * On a terminal lines move; elsewhere every line is plain text that is written once.
 */

import { type Bar, type BarOptions, liveBar, type Noted, plainBar } from "./bar.js";
import { createRowPrinter, type RowRecord } from "./rows.js";
import { liveSpinner, plainSpinner, type Spinner } from "./spinner.js";
import { harmless, type Live, type Terminal, type TextStream, terminalOf } from "./terminal.js";

export type ReporterOptions = {
  readonly stream: TextStream;
  /** Only warnings and errors. */
  readonly quiet?: boolean;
  /** A program is reading: nothing moves and nothing is coloured, terminal or not. */
  readonly json?: boolean;
  /** The time in seconds, for rates and intervals. */
  readonly now?: () => number;
};

/** One spinner or bar moves at a time: starting another ends the one before. */
export type Reporter = {
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
  spinner(text: string): Spinner;
  bar(options: BarOptions): Bar;
  /** One aligned line of the running table, see `createRowPrinter`; a bar stays below it. */
  row(record: RowRecord): void;
  /** Ends what still moves. Call it when the command ends, however it ends, else the process stays alive. */
  stop(): void;
};

/** A reporter on the stream; loads the packages that draw only where lines can move. */
export async function createReporter(options: ReporterOptions): Promise<Reporter> {
  const { stream, quiet = false, json = false, now = () => performance.now() / 1000 } = options;
  const terminal = terminalOf(stream, { plain: json });
  if (quiet) return quietReporter(terminal);
  return terminal.interactive ? liveReporter(terminal, now) : plainReporter(terminal, now);
}

const IDLE_BAR: Bar = { update() {}, stop() {} };

function messages(terminal: Terminal, print: (lines: string) => void): Pick<Reporter, "info" | "warn" | "error"> {
  return {
    info: (line) => print(`${harmless(line)}\n`),
    warn: (line) => print(`${terminal.paint("yellow", "warning:")} ${harmless(line)}\n`),
    error: (line) => print(`${terminal.paint("red", "error:")} ${harmless(line)}\n`),
  };
}

function quietReporter(terminal: Terminal): Reporter {
  const { warn, error } = messages(terminal, terminal.write);
  return {
    info() {},
    warn,
    error,
    spinner: (text) =>
      plainSpinner(
        text,
        () => {},
        (line) => terminal.write(`${harmless(line)}\n`),
      ),
    bar: () => IDLE_BAR,
    row() {},
    stop() {},
  };
}

function plainReporter(terminal: Terminal, now: () => number): Reporter {
  const printLine = (line: string) => terminal.write(`${harmless(line)}\n`);
  const rows = createRowPrinter();
  let bar: (Bar & Noted) | undefined;
  return {
    ...messages(terminal, terminal.write),
    spinner: (text) => plainSpinner(text, printLine, printLine),
    bar(options) {
      bar = plainBar({ ...options, now }, printLine);
      return bar;
    },
    row(record) {
      const { header, row } = rows.next(record);
      if (header) printLine(header);
      printLine(row);
      bar?.note();
    },
    stop() {},
  };
}

async function liveReporter(terminal: Terminal, now: () => number): Promise<Reporter> {
  const [{ default: ora }, { default: cliProgress }] = await Promise.all([import("ora"), import("cli-progress")]);
  const rows = createRowPrinter();
  let live: Live | undefined;
  const begin = <T extends Live>(start: () => T): T => {
    live?.stop();
    const started = start();
    live = started;
    return started;
  };
  const print = (lines: string) => (live ? live.above(lines) : terminal.write(lines));
  return {
    ...messages(terminal, print),
    spinner: (text) => begin(() => liveSpinner(terminal, text, ora)),
    bar: (options) => begin(() => liveBar({ ...options, now }, terminal, cliProgress.SingleBar)),
    row(record) {
      const { header, row } = rows.next(record);
      print(`${header ? `${terminal.paint("dim", header)}\n` : ""}${harmless(row)}\n`);
    },
    stop() {
      live?.stop();
      live = undefined;
    },
  };
}
