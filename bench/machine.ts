/** The machine a figure was measured on, and whether it was left alone. */
import { release, type } from "node:os";
import { setTimeout } from "node:timers/promises";
import { thisMachine } from "../lib/engine/machine.js";
import { watchOthers } from "../lib/speed/otherLoad.js";

/** Share of processor time, 0..1, that others may use beside a measurement. */
export const QUIET = 0.05;

/** Returns once the machine was quiet for two seconds, or after `patience` seconds. */
export async function waitForQuiet(patience: number): Promise<void> {
  const end = performance.now() + patience * 1000;
  for (let load = 1; load > QUIET && performance.now() < end; ) {
    const others = watchOthers();
    await setTimeout(2000);
    load = others(0);
  }
}

/** Processor, cores, memory and system. */
export function machine(): Record<string, string | number> {
  const { processor, cores, memory } = thisMachine();
  return { processor, cores, memoryGiB: Math.round(memory / 2 ** 30), system: `${type()} ${release()}` };
}

/** Variables that change the speed of one side, `extra` over those of this process. */
export function environment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const all = Object.entries({ ...process.env, ...extra });
  const own = all.filter(([name]) => /^(OMP|GOMP|OPENBLAS|MKL|MALLOC)_/.test(name));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? ""]));
}
