import { EXIT } from "../../lib/errors.js";
import { harmless } from "../../lib/ui/terminal.js";

/** Where a command's words go: results to stdout, all else to stderr. */
export type Output = {
  /**
   * The command's outcome, printed when the handler ends: the object with `--json`, otherwise the text.
   * To be called exactly once.
   */
  result(object: object, text: string, exitCode?: number): void;
  /** A line of progress on stderr, unless `--quiet`. */
  log(message: string): void;
  /** A line on stderr that `--quiet` does not silence. */
  warn(message: string): void;
};

/** An output and its end, at which the result is printed and the exit code set. */
export function createOutput({ json, quiet }: { json: boolean; quiet: boolean }): { output: Output; finish(): void } {
  let outcome: { object: object; text: string; exitCode: number } | undefined;
  const output: Output = {
    result(object, text, exitCode = EXIT.done) {
      if (outcome) throw new Error("a command gave two results");
      outcome = { object, text, exitCode };
    },
    log: (message) => {
      if (!quiet) process.stderr.write(`${harmless(message)}\n`);
    },
    warn: (message) => {
      process.stderr.write(`warning: ${harmless(message)}\n`);
    },
  };
  const finish = () => {
    if (!outcome) throw new Error("a command ended without a result");
    printLine(json ? JSON.stringify(outcome.object) : outcome.text);
    process.exitCode = outcome.exitCode;
  };
  return { output, finish };
}

/** Writes to stdout with one line end, and nothing at all for an empty text. */
export function printLine(text: string): void {
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
