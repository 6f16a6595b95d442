/** Something that takes a while and cannot say how long: ora on a terminal, a line at either end elsewhere. */

import { Writable } from "node:stream";
import type { Ora } from "ora";
import { harmless, type Live, type Terminal } from "./terminal.js";

/** A spinner ends once, by `succeed`, `fail` or `stop`; what is called after that does nothing. */
export type Spinner = {
  /** Changes the text; shown on a terminal only. */
  update(text: string): void;
  /** Ends with a line that stays; the text unless told. */
  succeed(text?: string): void;
  fail(text?: string): void;
  /** Ends and leaves nothing. */
  stop(): void;
};

/** Starts a spinner on a terminal that can redraw; `ora` is the package's main function. */
export function liveSpinner(terminal: Terminal, text: string, ora: typeof import("ora").default): Spinner & Live {
  const { paint, symbols } = terminal;
  const stream = new TerminalStream(terminal);
  const spinner: Ora = ora({
    text: harmless(text),
    stream,
    isEnabled: true,
    color: false, // ora's own colours would follow standard output, not this stream
    spinner: { interval: 80, frames: symbols.spinner.map((frame) => paint("cyan", frame)) },
    discardStdin: false, // else Ctrl-C waits while a native call blocks the event loop
  }).start();
  const end = (symbol: string, last?: string) => {
    if (spinner.isSpinning) spinner.stopAndPersist({ symbol, text: harmless(last ?? spinner.text) });
  };
  return {
    update(next) {
      spinner.text = harmless(next);
    },
    succeed: (last) => end(paint("green", symbols.success), last),
    fail: (last) => end(paint("red", symbols.failure), last),
    stop: () => void spinner.stop(),
    above: (lines) => void stream.write(lines), // ora watches its stream and redraws below
  };
}

/** The same as plain lines: one when it starts, one when it ends. */
export function plainSpinner(text: string, print: (line: string) => void, printFailure: typeof print): Spinner {
  let current = text;
  let ended = false;
  const end = (write: () => void) => {
    if (!ended) write();
    ended = true;
  };
  print(`${text}...`);
  return {
    update(next) {
      current = next;
    },
    succeed: (last = current) => end(() => print(last)),
    fail: (last = current) => end(() => printFailure(`failed: ${last}`)),
    stop: () => end(() => {}),
  };
}

/**
 * The part of a terminal stream that ora uses. It writes at once: `Writable` queues what is written while it writes,
 * and ora, which also watches standard error, would then take its own output for somebody else's, for ever.
 */
class TerminalStream extends Writable {
  readonly isTTY = true;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    super();
    this.#terminal = terminal;
  }

  get columns(): number {
    return this.#terminal.columns();
  }

  override write(chunk: unknown): boolean {
    this.#terminal.write(String(chunk));
    return true;
  }

  cursorTo(x: number): void {
    this.write(`\u001b[${x + 1}G`);
  }

  moveCursor(_dx: number, dy: number): void {
    if (dy !== 0) this.write(`\u001b[${Math.abs(dy)}${dy < 0 ? "A" : "B"}`);
  }

  clearLine(): void {
    this.write("\u001b[2K");
  }
}
