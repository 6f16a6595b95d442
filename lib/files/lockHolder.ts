/** Who holds a lock, and whether that process is still there, as far as it can be seen from here. */
import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";

/** A process that holds a lock, as the lock file says. */
export type LockHolder = {
  readonly host: string;
  readonly pid: number;
  /**
   * Within what the number means this process. On Linux a boot of a machine and a container on it: containers all begin to
   * count at 1, and their host names may be alike, or others at each start. Elsewhere the host name.
   */
  readonly realm: string;
  /** When it began, which tells it from a later process of the same number; null where there is no `/proc`. */
  readonly started: string | null;
  /** Random digits, which tell this lock from every other. */
  readonly token: string;
};

/** This process as the holder of a new lock. */
export async function thisProcess(): Promise<LockHolder> {
  const { pid } = process;
  const started = (await processAt(pid))?.started ?? null;
  return { host: hostname(), pid, realm: await realmHere(), started, token: randomBytes(6).toString("hex") };
}

/** The holder that a lock file names; undefined when it was cut off before it said so. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null;
    return typeof value?.token === "string" && typeof value.pid === "number" ? (value as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a holder still runs; undefined where it lives in another realm than `here`, and cannot be looked for. */
export async function isRunning(holder: LockHolder, here: LockHolder): Promise<boolean | undefined> {
  if (holder.realm !== here.realm) return undefined;
  const found = await processAt(holder.pid);
  if (found && holder.started !== null) return found.started === holder.started && !found.ended;
  return answers(holder.pid); // no /proc, or one that hides the processes of others
}

type FoundProcess = {
  readonly started: string;
  /** Nothing is left of it but its exit status. */
  readonly ended: boolean;
};

/** What `/proc` says of a process: of the fields after its name, in brackets, the 1st is its state and the 20th its start. */
async function processAt(pid: number): Promise<FoundProcess | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const started = fields?.[19];
  return started === undefined ? undefined : { started, ended: "ZX".includes(fields![0]!) };
}

function answers(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // another user's, but there
  }
}

async function realmHere(): Promise<string> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}
