/**
 * One process at a time trains in a run folder: the file `lock` in it names the one, and goes when it ends.
 *
 * A holder that was killed leaves its lock behind, which the next one takes over. Whether it was killed can be seen where the
 * process could be: on the same machine, in the same container. Of any other the lock itself tells: a thread of the holder's
 * own touches it every few seconds, also while the engine is busy for minutes, and a lock that nobody touches is given up.
 * What counts is whether it is touched while we look, not the time it was touched at, since clocks differ.
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { FileError, UsageError } from "../errors.js";
import { asWriteError } from "./atomic.js";
import { isRunning, type LockHolder, parseHolder, thisProcess } from "./lockHolder.js";
import type { Touching } from "./lockThread.js";
import { forgetPending, notePending } from "./pendingNames.js";

/** Name of the lock in its folder. */
export const LOCK = "lock";

export type RunLock = {
  /** @throws FileError when another process has the lock by now, this one having been held up for too long */
  expectHeld(): Promise<void>;
  /** Lets another process have the folder. */
  release(): Promise<void>;
};

export type LockOptions = {
  /** Told when it takes a while to see whether the holder still lives. */
  readonly onWait?: ((note: string) => void) | undefined;
  /** Milliseconds for which an unseen holder's lock must not be touched to be given up. */
  readonly patience?: number;
};

const TOUCHED_EVERY = 3_000; // ms
const PATIENCE = 30_000; // ms
const LOOKED_EVERY = 250; // ms
/** Age of a lock that needs no look: more than clocks of machines that share a disk differ by. */
const FORGOTTEN = 3_600_000; // ms

/**
 * Takes the lock of a folder that is there; the process's end releases it, too, unless it is killed.
 * @throws UsageError naming the process that holds it
 * @throws FileError when the folder cannot be written to
 */
export async function lockRun(folder: string, options: LockOptions = {}): Promise<RunLock> {
  const file = path.join(folder, LOCK);
  const own = await thisProcess();
  await take(file, { ...options, folder, own });
  notePending(file);
  const touching = keepTouching(file);
  return {
    expectHeld: async () => {
      const found = await readLock(file);
      if (found === undefined || found.holder?.token === own.token) return;
      throw new FileError(
        `${folder}: ${told(found.holder)} has taken the run over, this process having been held up; nothing more is written here`,
      );
    },
    release: async () => {
      await touching.terminate();
      const found = await readLock(file).catch(() => undefined);
      if (found?.holder?.token === own.token) await rm(file, { force: true });
      forgetPending(file);
    },
  };
}

type Taking = LockOptions & { readonly folder: string; readonly own: LockHolder };

/**
 * Makes the lock, or replaces one whose holder is gone. Of several that want to replace it one may: the one that takes a
 * second lock, named for the first. The first must still be there then, and nobody else may touch it now.
 */
async function take(file: string, taking: Taking): Promise<void> {
  while (!(await makeLock(file, taking.own))) {
    const found = await readLock(file);
    if (!found) continue;
    if (!(await isGivenUp(file, found, taking))) throw inUse(taking.folder, found.holder);
    const second = `${file}.${found.holder?.pid ?? 0}-${found.holder?.token ?? 0}.tmp`; // a temporary name
    await take(second, taking);
    if ((await readLock(file))?.text === found.text) return await rename(second, file);
    await rm(second, { force: true });
  }
}

/** @returns false when there is one already */
async function makeLock(file: string, own: LockHolder): Promise<boolean> {
  try {
    const handle = await open(file, "wx");
    await handle
      .writeFile(`${JSON.stringify(own)}\n`)
      .catch(async (error: unknown) => {
        await rm(file);
        throw error;
      })
      .finally(() => handle.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw asWriteError(file, error);
  }
}

type FoundLock = {
  readonly text: string;
  readonly holder: LockHolder | undefined;
  /** When it was last touched, in milliseconds of some clock. */
  readonly touched: number;
};

/** The lock as it is on disk; it is opened for the time, too, which network file systems else remember for a while. */
async function readLock(file: string): Promise<FoundLock | undefined> {
  try {
    const handle = await open(file, "r");
    try {
      const { mtimeMs: touched } = await handle.stat();
      const text = await readFile(handle, "utf8");
      return { text, holder: parseHolder(text), touched };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new FileError(`${file}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether a lock's holder is gone, or the lock itself. */
async function isGivenUp(file: string, found: FoundLock, { own, onWait, patience = PATIENCE, folder }: Taking) {
  const runs = found.holder && (await isRunning(found.holder, own));
  if (runs !== undefined) return !runs;
  if (Date.now() - found.touched > FORGOTTEN) return true;
  onWait?.(
    `${folder}: looking whether ${told(found.holder)} still works in it, ${Math.round(patience / 1000)} s at most`,
  );
  for (const end = performance.now() + patience; performance.now() < end; await sleep(LOOKED_EVERY)) {
    const now = await readLock(file);
    if (now?.text !== found.text) return true;
    if (now.touched !== found.touched) return false;
  }
  return true;
}

function inUse(folder: string, holder: LockHolder | undefined): UsageError {
  return new UsageError(
    `${folder}: ${told(holder)} works in it; wait until it ends, or stop it (a training saves first), or name another folder`,
  );
}

const told = (holder: LockHolder | undefined): string =>
  holder ? `process ${holder.pid} on ${holder.host}` : "another process";

/** A thread, since a step may keep this one busy for minutes. */
function keepTouching(file: string): Worker {
  const workerData: Touching = { file, every: TOUCHED_EVERY };
  const worker = new Worker(new URL("./lockThread.js", import.meta.url), { workerData, execArgv: [] });
  worker.on("error", () => undefined); // without it others wait and see no sign of life; training goes on all the same
  worker.unref();
  return worker;
}
