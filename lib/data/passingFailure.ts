/** What keeps a file from being read for a while: a failure of the moment is not damage. */
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

/** Errors of disks and networks that do not answer, of memory, and of too many open files. */
const PASSING = new Set([
  "EAGAIN",
  "EBUSY",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EIO",
  "EMFILE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENODEV",
  "ENOMEM",
  "ENOTCONN",
  "ESTALE",
  "ETIMEDOUT",
]);

/**
 * Reads a file to its end.
 * @returns what keeps it from being read and may pass; undefined where it can be read, or never will be (missing, not allowed)
 */
export async function passingFailure(file: string): Promise<Error | undefined> {
  try {
    await readFile(file);
    return undefined;
  } catch (error) {
    return PASSING.has((error as NodeJS.ErrnoException).code ?? "") ? (error as Error) : undefined;
  }
}

/** Seconds before each further try. */
const PAUSES = [0, 0.2, 1, 5, 20];

export type Tries = {
  /** What may pass of a failure, undefined where nothing of it will. */
  readonly passing: () => Promise<Error | undefined>;
  /** Seconds before each further try, the first of them whatever the failure: what has failed may have passed already. */
  readonly pauses?: readonly number[];
};

/**
 * Tries again while what keeps work from succeeding may pass.
 * @throws what the last try threw where nothing may pass, else `giveUp` of what still did after all tries
 */
export async function patiently<T>(
  work: () => Promise<T>,
  giveUp: (failure: Error) => Error,
  { passing, pauses = PAUSES }: Tries,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const failure = await passing();
      const pause = failure || tries === 0 ? pauses[tries] : undefined;
      if (pause === undefined) throw failure ? giveUp(failure) : error;
      await setTimeout(1000 * pause);
    }
  }
}
