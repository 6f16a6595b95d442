/** The machine a figure was measured on, and whether it was left alone. */
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Share of processor time, 0..1, that others may use beside a measurement. */
export const QUIET = 0.05;

/** Processor time since the machine started, all cores together. */
export function processorSeconds(): { busy: number; all: number } {
  const sum = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const busy = (times.user + times.nice + times.sys + times.irq) / 1000;
    sum.busy += busy;
    sum.all += busy + times.idle / 1000;
  }
  return sum;
}

/** Returns once the machine was quiet for two seconds, or after `patience` seconds. */
export async function waitForQuiet(patience: number): Promise<void> {
  const end = performance.now() + patience * 1000;
  for (let load = 1; load > QUIET && performance.now() < end; ) {
    const before = processorSeconds();
    await setTimeout(2000);
    const after = processorSeconds();
    load = (after.busy - before.busy) / (after.all - before.all);
  }
}

/** Processor, cores, memory and system. */
export function machine(): Record<string, string | number> {
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  const processor = cpus()[0]?.model.trim() ?? "unknown";
  return { processor, cores: availableParallelism(), memoryGiB, system: `${type()} ${release()}` };
}

/** Variables that change the speed of one side, `extra` over those of this process. */
export function environment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const all = Object.entries({ ...process.env, ...extra });
  const own = all.filter(([name]) => /^(OMP|GOMP|OPENBLAS|MKL|MALLOC)_/.test(name));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? ""]));
}
