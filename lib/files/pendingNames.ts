/** Files that are there for a time, as those that are being written, and go with the process unless it is killed. */
import { rmSync } from "node:fs";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
const pending = new Set<string>();

/** Remembers a file until `forgetPending`. */
export function notePending(file: string): void {
  if (pending.size === 0) {
    for (const signal of SIGNALS) process.on(signal, end);
    process.on("exit", removeAll);
  }
  pending.add(file);
}

/** Leaves a file alone that has its final name, or is gone. */
export function forgetPending(file: string): void {
  pending.delete(file);
  if (pending.size > 0) return;
  for (const signal of SIGNALS) process.off(signal, end);
  process.off("exit", removeAll);
}

/** Ends as the signal would have, unless something else listens to it: trainings save first. */
function end(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  process.off(signal, end);
  process.kill(process.pid, signal);
}

function removeAll(): void {
  for (const file of pending) rmSync(file, { force: true });
}
