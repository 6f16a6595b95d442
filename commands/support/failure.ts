import { EXIT, VitvqError } from "../../lib/errors.js";
import { harmless } from "../../lib/ui/terminal.js";
import { isTurnedOn } from "./options.js";

export type Failure = { readonly message: string; readonly exitCode: number; readonly stack?: string };

/**
 * What to tell the user of an error: expected ones speak for themselves, those of the operating system (no space, no
 * permission) too; any other is a bug of ours, and says so.
 */
export function describeFailure(error: unknown): Failure {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof VitvqError) return { message, exitCode: error.exitCode, ...stack };
  if (error instanceof Error && "syscall" in error) return { message, exitCode: EXIT.unexpected, ...stack };
  return {
    message: `unexpected: ${message}; this is a bug in vitvq: please report it with what --debug shows`,
    exitCode: EXIT.unexpected,
    ...stack,
  };
}

/**
 * Prints a failure: one line on stderr, with `--debug` the stack after it, with `--json` an object on stdout as well.
 * @param args the command line, searched for the two flags since the failure may be that it cannot be parsed
 * @returns the exit code
 */
export function reportFailure(error: unknown, args: readonly string[]): number {
  const { message, exitCode, stack } = describeFailure(error);
  process.stderr.write(`vitvq: ${harmless(message)}\n`);
  if (stack !== undefined && isTurnedOn("debug", args)) process.stderr.write(`${harmless(stack)}\n`);
  if (isTurnedOn("json", args)) process.stdout.write(`${JSON.stringify({ error: { message, exitCode } })}\n`);
  return exitCode;
}
