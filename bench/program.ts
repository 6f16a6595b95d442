/** What the benchmarks share as programs: failures that are expected, and files of results. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { VitvqError } from "../lib/errors.js";
import { writeJson } from "../lib/files/atomic.js";
import { machine } from "./machine.js";

/** The project's folder; this file lies in `dist/bench` when it runs. */
export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The program `vitvq`, as built. */
export const vitvq = path.join(root, "dist", "bin", "vitvq.js");

/** Runs a benchmark; an expected failure becomes one line on standard error and its exit code. */
export async function runBenchmark(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof VitvqError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

/** Writes `bench/results/NAME.json`: date and machine, then `content`. */
export async function saveResults(name: string, content: Readonly<Record<string, unknown>>): Promise<void> {
  const all = { date: new Date().toISOString(), machine: machine(), ...content };
  await writeJson(path.join(root, "bench", "results", `${name}.json`), all);
}

/** Runs `body` with a fresh folder and removes it afterwards. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-bench-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a Node program whose standard output is wanted, or not; messages go to standard error. */
export function runNode(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`node ${args.join(" ")}: ended with status ${status}`));
    });
  });
}

export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
