/** Temporary files that are being written, which go when a signal ends the process. */
import { rmSync } from "node:fs";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const pending = new Set<string>();

/** Remembers a temporary file until `forgetPending`. */
export function notePending(file: string): void {
  if (pending.size === 0) for (const signal of SIGNALS) process.on(signal, end);
  pending.add(file);
}

/** Leaves a file alone that has its final name, or is gone. */
export function forgetPending(file: string): void {
  pending.delete(file);
  if (pending.size === 0) for (const signal of SIGNALS) process.off(signal, end);
}

/** Ends as the signal would have, unless something else listens to it: trainings save first. */
function end(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  for (const file of pending) rmSync(file, { force: true });
  process.off(signal, end);
  process.kill(process.pid, signal);
}
