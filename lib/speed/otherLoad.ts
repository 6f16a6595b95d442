/** How much of the machine other programs use beside a measurement. */
import { cpus } from "node:os";

/** Starts watching: what is returned tells the share of all processor time, 0..1, that others have used since. */
export function watchOthers(): (ownSeconds: number) => number {
  const before = processorSeconds();
  return (ownSeconds) => {
    const after = processorSeconds();
    const share = (after.busy - before.busy - ownSeconds) / (after.all - before.all);
    return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0; // the clock of the system may not have ticked
  };
}

/** Processor time that this process has used so far, all threads together. */
export function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Processor time since the machine started, all cores together. */
function processorSeconds(): { busy: number; all: number } {
  const sum = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const busy = (times.user + times.nice + times.sys + times.irq) / 1000;
    sum.busy += busy;
    sum.all += busy + times.idle / 1000;
  }
  return sum;
}
