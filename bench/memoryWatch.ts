/**
 * Preloaded into a training (`node --import dist/bench/memoryWatch.js dist/bin/vitvq.js train-vq ...`): whenever the run's
 * metrics have grown, one JSON line of time and memory goes to file descriptor 3.
 *
 * The environment names the file, VITVQ_WATCHED, and may ask for garbage to be collected at the first record after every so
 * many steps, VITVQ_COLLECT_EVERY. The training itself is the program as it is.
 */
import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { liveBytes } from "./liveBytes.js";

/** What the process took when a record of metrics had been written. */
export type MemorySample = {
  /** Steps done. */
  readonly step: number;
  /** Since the start of the process, in seconds. */
  readonly seconds: number;
  /** Of all its threads. */
  readonly processorSeconds: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  /** Part of `external`. */
  readonly arrayBuffers: number;
  /** Bytes in use with all garbage collected, where that was asked for. */
  readonly live?: number;
};

const PIPE = 3;
const PERIOD = 5; // ms; timers run between steps only

const watched = process.env["VITVQ_WATCHED"];
const collectEvery = Number(process.env["VITVQ_COLLECT_EVERY"] ?? Number.POSITIVE_INFINITY);
if (watched !== undefined && isOpen(PIPE)) {
  let read = 0;
  let collectAt = collectEvery;
  const look = (): void => {
    if ((statSync(watched, { throwIfNoEntry: false })?.size ?? 0) === read) return;
    const lines = wholeLines(watched, read);
    if (lines === "") return;
    read += Buffer.byteLength(lines);
    const { step } = JSON.parse(lines.trimEnd().split("\n").at(-1)!) as { step: number };
    const sample: MemorySample = { step, ...memory(), ...(step >= collectAt ? { live: liveBytes() } : {}) };
    if (step >= collectAt) collectAt += collectEvery;
    writeSync(PIPE, `${JSON.stringify(sample)}\n`);
  };
  setInterval(look, PERIOD).unref();
  process.on("exit", look);
}

/** What lies in the file after a position, without a last line that is still being written. */
function wholeLines(file: string, from: number): string {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(fstatSync(descriptor).size - from);
    readSync(descriptor, bytes, 0, bytes.length, from);
    const text = bytes.toString("utf8");
    return text.slice(0, text.lastIndexOf("\n") + 1);
  } finally {
    closeSync(descriptor);
  }
}

function memory(): Omit<MemorySample, "step" | "live"> {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const processorSeconds = (user + system) / 1e6;
  return { seconds: process.uptime(), processorSeconds, rss, heapUsed, external, arrayBuffers };
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}
