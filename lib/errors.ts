/**
 * The errors a user can meet, each with the exit code that scripts may rely on.
 *
 * A message is one sentence that says what, where, wanted, got and what to do; it never needs the stack to be useful.
 */

/** Exit codes of the `vitvq` binary; 129, 130 and 143 are added by the signal handlers. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  data: 3,
  file: 4,
  diverged: 5,
  engine: 6,
} as const;

/** An expected failure: printed as its message alone, exits with `exitCode`. */
export class VitvqError extends Error {
  override readonly name: string = "VitvqError";
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A flag, config key or value that makes no sense (exit 2). */
export class UsageError extends VitvqError {
  override readonly name = "UsageError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}

/** Input data that is missing, empty or unreadable (exit 3). */
export class DataError extends VitvqError {
  override readonly name = "DataError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.data, options);
  }
}

/** A checkpoint, token file or run directory that is damaged or does not fit (exit 4). */
export class FileError extends VitvqError {
  override readonly name = "FileError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.file, options);
  }
}

/** Training met non-finite values several steps in a row (exit 5). */
export class DivergedError extends VitvqError {
  override readonly name = "DivergedError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.diverged, options);
  }
}

/** An engine or device that is not here (exit 6). */
export class EngineError extends VitvqError {
  override readonly name = "EngineError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.engine, options);
  }
}

/** Signals that ask for a stop, and the exit codes of what they stopped: by custom 128 and the signal's number. */
export const STOPPED = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof STOPPED;

/** The run was asked to stop and has saved. */
export class StoppedError extends VitvqError {
  override readonly name = "StoppedError";
  constructor(message: string, signal: StopSignal) {
    super(message, STOPPED[signal]);
  }
}

/** The expected failure that ends with an exit code, told by its class again after a way on which it was lost. */
export function expectedFailure(exitCode: number, message: string, options?: ErrorOptions): VitvqError {
  const kind = KINDS[exitCode];
  return kind ? new kind(message, options) : new VitvqError(message, exitCode, options);
}

const KINDS: Readonly<Record<number, new (message: string, options?: ErrorOptions) => VitvqError>> = {
  [EXIT.usage]: UsageError,
  [EXIT.data]: DataError,
  [EXIT.file]: FileError,
  [EXIT.diverged]: DivergedError,
  [EXIT.engine]: EngineError,
};

/** The first line of an error's words; what native code says after it is for its own programmers. */
export function firstLine(words: string): string {
  return words.trim().split("\n")[0]!;
}
