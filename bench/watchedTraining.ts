/** A training by the program as it is, in a process of its own, with a sample of its time and memory at every record of metrics. */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { EXIT, VitvqError } from "../lib/errors.js";
import type { MemorySample } from "./memoryWatch.js";
import { root, vitvq } from "./program.js";

export type Watching = {
  /** Steps after which garbage is collected, and what then is in use counted; never if absent. */
  readonly collectEvery?: number;
};

/**
 * Runs `vitvq ARGS --out RUN` and gives samples as they come.
 * @throws VitvqError with its status when it does not end well; why, it has said on standard error
 */
export async function* watchedTraining(
  run: string,
  args: readonly string[],
  { collectEvery }: Watching = {},
): AsyncGenerator<MemorySample, void> {
  const preload = pathToFileURL(path.join(root, "dist", "bench", "memoryWatch.js")).href;
  const collecting = collectEvery === undefined ? {} : { VITVQ_COLLECT_EVERY: String(collectEvery) };
  const child = spawn(process.execPath, ["--import", preload, vitvq, ...args, "--out", run], {
    env: { ...process.env, VITVQ_WATCHED: path.join(run, "metrics.jsonl"), ...collecting },
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  for await (const line of createInterface({ input: child.stdio[3] as Readable }))
    yield JSON.parse(line) as MemorySample;
  const status = await ended;
  if (status === 0) return;
  throw new VitvqError(`vitvq ${args.join(" ")}: ended with status ${status}`, status ?? EXIT.unexpected);
}
