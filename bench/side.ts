/** One side of a comparison: a child process that stays loaded and runs a few steps when told to. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { PeakRates } from "../lib/engine/machineRates.js";
import { watchOthers } from "../lib/speed/otherLoad.js";

/** What to start. */
export type SideCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** What a side says of itself once it is warm. */
export type Ready = {
  readonly side: string;
  readonly size: Readonly<Record<string, number>>;
  readonly parameters: number;
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  /** How fast this machine was just before. */
  readonly rates?: PeakRates;
  /** The least that a step can take at those rates, in seconds. */
  readonly boundSeconds?: number;
};

/** One group of steps. */
export type Turn = {
  readonly seconds: readonly number[];
  /** Share of all processor time that other programs used meanwhile, 0..1. */
  readonly otherLoad: number;
};

export type Side = {
  readonly ready: Ready;
  /** Runs one group of steps. */
  measure(): Promise<Turn>;
  /** Ends the process and returns its largest resident memory. */
  finish(): Promise<number>;
  /** Ends the process at once; does nothing after `finish`. */
  kill(): void;
};

/**
 * Starts a side and waits until it has compiled and warmed up.
 * @throws Error when the process ends before it is ready
 */
export async function startSide({ command, args, env }: SideCommand): Promise<Side> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  failed.catch(() => undefined); // reported by the race below; later ones show as an early end
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Line> => {
    const { done, value } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error(`${command} ${args.join(" ")}: ended before it was done`);
    return JSON.parse(value) as Line;
  };
  const ready = await next();
  if (ready.event !== "ready") throw new Error(`${command}: want a line "ready" first, got "${ready.event}"`);
  return {
    ready,
    async measure() {
      const others = watchOthers();
      child.stdin.write("go\n");
      const seconds: number[] = [];
      let line = await next();
      for (; line.event === "step"; line = await next()) seconds.push(line.seconds);
      if (line.event !== "done") throw new Error(`${command}: want a line "done" after steps, got "${line.event}"`);
      return { seconds, otherLoad: others(line.processorSeconds) };
    },
    async finish() {
      child.stdin.end("end\n");
      const line = await next();
      if (line.event !== "end") throw new Error(`${command}: want a line "end" last, got "${line.event}"`);
      return line.peakMemoryBytes;
    },
    kill: () => void child.kill(),
  };
}

type Line =
  | ({ event: "ready" } & Ready)
  | { event: "step"; seconds: number; loss: number }
  | { event: "done"; processorSeconds: number }
  | { event: "end"; peakMemoryBytes: number };
