/**
 * What the programs of our side share: JSON lines on standard output, `ready`, then a `step` for each timed step and
 * `done` after each group of steps, last `end` with peak memory. With `--serve` a group runs for each line `go` on
 * standard input.
 */
import { createInterface } from "node:readline";
import { ownSeconds } from "../lib/speed/otherLoad.js";
import { peakBytes } from "../lib/speed/peakBytes.js";
import { secondsOf } from "../lib/timing.js";
import { positiveInteger } from "./options.js";

/** Declarations for `parseArgs`. */
export const SERVE_OPTIONS = {
  warmup: { type: "string", default: "3" },
  steps: { type: "string", default: "5" },
  serve: { type: "boolean", default: false },
  spin: { type: "boolean", default: false },
} as const;

/** Values of `SERVE_OPTIONS`. */
export type ServeValues = { readonly warmup: string; readonly steps: string; readonly serve: boolean };

export type Served = {
  /** What the line `ready` says of this side. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Runs one step and returns its loss. */
  step(): Promise<number>;
};

/** Warms up, then times groups of steps. */
export async function serveSteps(values: ServeValues, { ready, step }: Served): Promise<void> {
  const timedStep = async () => {
    let loss = Number.NaN;
    const seconds = await secondsOf(async () => {
      loss = await step();
    });
    return { loss, seconds };
  };
  for (let i = 0; i < positiveInteger("warmup", values.warmup); i++) await timedStep();
  print({ event: "ready", side: "vitvq", ...ready });
  for await (const command of values.serve ? createInterface({ input: process.stdin }) : ["go"]) {
    if (command !== "go") break;
    const before = ownSeconds();
    for (let i = 0; i < positiveInteger("steps", values.steps); i++) print({ event: "step", ...(await timedStep()) });
    print({ event: "done", processorSeconds: ownSeconds() - before });
  }
  print({ event: "end", peakMemoryBytes: peakBytes() });
}

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
