/** Trainings of tiny models by the built program, to be read, interrupted and gone on with. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import { readMetrics } from "../../../lib/files/metricsFile.js";
import { type Finished, fixture, projectRoot, vitvq } from "../../support.js";

export const IMAGES = fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz");

/** 16 codes of 32 an image. */
const VQ_MODEL = [
  ...["--image-size", "28", "--patch-size", "7", "--channels", "1", "--codebook-size", "32", "--code-dim", "4"],
  ...["--encoder-dim", "8", "--encoder-depth", "1", "--encoder-heads", "2"],
  ...["--decoder-dim", "8", "--decoder-depth", "1", "--decoder-heads", "2"],
  ...["--adversarial-weight", "0", "--quantize-from", "3", "--restart-every", "4"],
];
const RUN = ["--batch-size", "4", "--threads", "1", "--log-every", "2", "--checkpoint-every", "4"];

/** Arguments of a tiny `train-vq`; later ones may not repeat those given here. */
export const trainVq = (out: string, ...more: string[]): string[] => [
  ...["train-vq", IMAGES, "--out", out],
  ...VQ_MODEL,
  ...RUN,
  ...more,
];

/** Arguments of a tiny `train-vim`. */
export const trainVim = (tokens: string, out: string, ...more: string[]): string[] => [
  ...["train-vim", tokens, "--out", out, "--dim", "8", "--depth", "1", "--heads", "2"],
  ...RUN,
  ...more,
];

/** Runs the program and requires it to end well. */
export async function succeed(args: readonly string[]): Promise<Finished> {
  const finished = await vitvq(args);
  assert.is(finished.status, 0, `vitvq ${args.join(" ")}\n${finished.stderr}`);
  return finished;
}

/** Runs the program and requires an exit code and a single line of complaint. */
export async function fail(args: readonly string[], exitCode: number, ...patterns: RegExp[]): Promise<Finished> {
  const finished = await vitvq(args);
  assert.is(finished.status, exitCode, `vitvq ${args.join(" ")}\n${finished.stderr}`);
  const complaint = finished.stderr.split("\n").filter((line) => line.startsWith("vitvq: "));
  for (const pattern of patterns) assert.match(complaint.at(-1) ?? "", pattern);
  assert.not.match(finished.stderr, /\n\s+at /, "no stack");
  return finished;
}

/** The one JSON object that stdout must be. */
export function jsonOf({ stdout }: Finished): Record<string, unknown> {
  assert.is(stdout.trimEnd().split("\n").length, 1, `stdout is one line:\n${stdout}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

export type Running = {
  /** Waits until stderr matches; fails if the program ends before. */
  until(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly running: boolean;
  readonly finished: Promise<Finished & { signal: NodeJS.Signals | null }>;
};

const LIFETIME = 90_000; // ms; a test that fails must not leave an endless training behind
const PATIENCE = 60_000; // ms

/** Starts the program without waiting for its end, which comes by force if need be. */
export function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [path.join(projectRoot, "dist", "bin", "vitvq.js"), ...args], {
    cwd: projectRoot,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr, running] = ["", "", true];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const limit = globalThis.setTimeout(() => child.kill("SIGKILL"), LIFETIME);
  const finished = new Promise<Finished & { signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      running = false;
      clearTimeout(limit);
      resolve({ status, signal, stdout, stderr });
    });
  });
  return {
    until: (pattern) => waitFor(() => pattern.test(stderr) || !running).then(() => assert.match(stderr, pattern)),
    kill: (signal) => child.kill(signal),
    get running() {
      return running;
    },
    finished,
  };
}

/** Waits until a condition holds, but not for ever. */
export async function waitFor(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(performance.now() < end, "waited in vain");
    await setTimeout(5);
  }
}

/** A line of the table of a training. */
export const ROW = /^\s+\d+ +\d/m;

/** The step that `last` names. */
export async function lastStep(run: string): Promise<number> {
  const text = await readFile(path.join(run, "last"), "utf8");
  return Number(/step-(\d+)/.exec(text)?.[1]);
}

/** Metrics of a run without those that time decides. */
export async function metricsOf(run: string): Promise<Record<string, unknown>[]> {
  const records = await readMetrics(path.join(run, "metrics.jsonl"));
  return records.map(({ imagesPerSecond: _, dataWait: __, encodeShare: ___, ...record }) => record);
}
