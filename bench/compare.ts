/**
 * Our train step beside PyTorch's, in alternation: both sides stay loaded, and take turns of a few steps, round by round.
 *
 *     node dist/bench/compare.js [--case small,small-adamw,tiny,tiny-adamw] [--rounds 9] [--max-rounds 30] [--steps 3]
 *         [--patience 30] [--threads 2] [--python /usr/bin/python3] [--name NAME] [--check] [--any-blas]
 *
 * A round in which other programs used more than 5% of the processors does not count and is run again, at most until
 * there are `--max-rounds`; before each, up to `--patience` seconds are spent waiting for a quiet machine.
 * First checks that both sides compute the same losses and gradients; `--check` stops there. Prints the figures and
 * writes `bench/results/NAME.json` when there is a name.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { UsageError } from "../lib/errors.js";
import { writeJson } from "../lib/files/atomic.js";
import { STACK_SIZES } from "../lib/models/sizes.js";
import { environment, machine, waitForQuiet } from "./machine.js";
import { positiveInteger, stackArguments } from "./options.js";
import { type Ready, type Side, type SideCommand, startSide, type Turn } from "./side.js";
import { isUndisturbed, median, type Round, type Summary, summarise } from "./summary.js";
import type { StackSize } from "./trainStack.js";

type Case = { readonly size: StackSize; readonly update: "none" | "adamw" };

const SMALL = { ...STACK_SIZES.small, tokens: 1024, batch: 1 };
const TINY = { ...STACK_SIZES.tiny, tokens: 49, batch: 64 };
const CASES: Readonly<Record<string, Case>> = {
  small: { size: SMALL, update: "none" },
  "small-adamw": { size: SMALL, update: "adamw" },
  tiny: { size: TINY, update: "none" },
  "tiny-adamw": { size: TINY, update: "adamw" },
};

type CaseResult = Case & {
  summary: Summary;
  peakMemoryBytes: { vitvq: number; pytorch: number };
  sides: { vitvq: Ready; pytorch: Ready };
  loadAverage: { before: number; after: number };
  rounds: Round[];
};

const here = path.dirname(fileURLToPath(import.meta.url)); // dist/bench
const bench = path.join(here, "..", "..", "bench");

const { values } = parseArgs({
  options: {
    case: { type: "string", default: Object.keys(CASES).join(",") },
    rounds: { type: "string", default: "9" },
    "max-rounds": { type: "string", default: "30" },
    patience: { type: "string", default: "30" },
    steps: { type: "string", default: "3" },
    threads: { type: "string", default: String(availableParallelism()) },
    python: { type: "string", default: "/usr/bin/python3" },
    name: { type: "string" },
    check: { type: "boolean", default: false },
    "any-blas": { type: "boolean", default: false },
  },
});

try {
  await compareAll(values.case.split(","));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}

async function compareAll(names: readonly string[]): Promise<void> {
  const cases = names.map(findCase);
  for (const size of new Set(cases.map((one) => one.size))) await expectSameFunction(size);
  if (values.check) return;
  const results: Record<string, CaseResult> = {};
  for (const [i, one] of cases.entries()) {
    const result = await compare(one);
    results[names[i]!] = result;
    print(`\n${names[i]}: ${describe(result)}`);
    if (values.name !== undefined) await writeResults(values.name, results);
  }
}

async function writeResults(name: string, results: Readonly<Record<string, CaseResult>>): Promise<void> {
  const settings = environment(threadSettings());
  const all = { date: new Date().toISOString(), machine: machine(), environment: settings, results };
  await writeJson(path.join(bench, "results", `${name}.json`), all);
}

async function compare(one: Case): Promise<CaseResult> {
  const before = loadavg()[0]!;
  const stepArguments = [...sizeArguments(one.size), "--update", one.update, "--steps", values.steps, "--serve"];
  const vitvq = await startSide(ourSide(stepArguments));
  const pytorch = await startSide(theirSide(stepArguments)).catch((error) => {
    vitvq.kill();
    throw error;
  });
  try {
    expectFastBlas(pytorch.ready);
    return { ...one, ...(await takeTurns(vitvq, pytorch)), loadAverage: { before, after: loadavg()[0]! } };
  } finally {
    for (const side of [vitvq, pytorch]) side.kill();
  }
}

type Turns = Omit<CaseResult, keyof Case | "loadAverage">;

async function takeTurns(vitvq: Side, pytorch: Side): Promise<Turns> {
  const wanted = positiveInteger("rounds", values.rounds);
  const most = Math.max(wanted, positiveInteger("max-rounds", values["max-rounds"]));
  const rounds: Round[] = [];
  while (rounds.length < most && rounds.filter(isUndisturbed).length < wanted) {
    await waitForQuiet(positiveInteger("patience", values.patience));
    const ours = await afterPause(vitvq.measure);
    rounds.push({ vitvq: ours, pytorch: await afterPause(pytorch.measure) });
    reportRound(rounds);
  }
  return {
    summary: summarise(rounds),
    peakMemoryBytes: { vitvq: await vitvq.finish(), pytorch: await pytorch.finish() },
    sides: { vitvq: vitvq.ready, pytorch: pytorch.ready },
    rounds,
  };
}

function reportRound(rounds: readonly Round[]): void {
  const { vitvq, pytorch } = rounds.at(-1)!;
  const side = ({ seconds, otherLoad }: Turn) =>
    `${median(seconds).toFixed(3)} s with ${(100 * otherLoad).toFixed(0)}% taken by others`;
  process.stderr.write(`round ${rounds.length}: vitvq ${side(vitvq)}; pytorch ${side(pytorch)}\n`);
}

/** The other side's idle threads spin for a moment before they sleep. */
async function afterPause<T>(measure: () => Promise<T>): Promise<T> {
  await setTimeout(200);
  return measure();
}

/** Exports weights, data and gradients from our side and lets the other side compare. */
async function expectSameFunction(size: StackSize): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-bench-"));
  try {
    const file = path.join(folder, "step.safetensors");
    await run(ourSide([...sizeArguments(size), "--export", file]));
    print((await run(theirSide([...sizeArguments(size), "--check", file]))).trim());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function expectFastBlas({ versions }: Ready): void {
  const { blas = "unknown" } = versions;
  if (values["any-blas"] || !blas.startsWith("libblas")) return;
  throw new UsageError(
    `PyTorch multiplies matrices with the reference BLAS here (${blas}), which is ten times slower than OpenBLAS: a ` +
      "ratio would say nothing; install libopenblas0-openmp, or pass --any-blas",
  );
}

function ourSide(args: readonly string[]): SideCommand {
  return { command: process.execPath, args: [path.join(here, "trainStep.js"), ...args], env: threadSettings() };
}

function theirSide(args: readonly string[]): SideCommand {
  const script = path.join(bench, "pytorch", "train_step.py");
  return { command: values.python, args: [script, ...args], env: threadSettings() };
}

function threadSettings(): Record<string, string> {
  return { OMP_NUM_THREADS: values.threads, OPENBLAS_NUM_THREADS: values.threads };
}

function sizeArguments(size: StackSize): string[] {
  return [...stackArguments(size), "--threads", values.threads];
}

function findCase(name: string): Case {
  const found = CASES[name];
  if (!found) throw new UsageError(`--case: want some of ${Object.keys(CASES).join(", ")}, got "${name}"`);
  return found;
}

function run({ command, args, env }: SideCommand): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")}: ended with status ${status}\n${output}`));
    });
  });
}

function describe({ summary, peakMemoryBytes, sides, loadAverage, rounds }: CaseResult): string {
  const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(0)} ms`;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const { vitvqMedian, vitvqBest, pytorchMedian, pytorchBest } = summary;
  return [
    `${summary.rounds} ${summary.undisturbed ? "undisturbed" : "DISTURBED"} rounds of ${rounds.length}, ` +
      `${sides.vitvq.threads} threads, load ${loadAverage.before.toFixed(1)}`,
    `  vitvq    median ${milliseconds(vitvqMedian)}, best ${milliseconds(vitvqBest)}, ${megabytes(peakMemoryBytes.vitvq)}`,
    `  pytorch  median ${milliseconds(pytorchMedian)}, best ${milliseconds(pytorchBest)}, ${megabytes(peakMemoryBytes.pytorch)}` +
      ` (torch ${sides.pytorch.versions["torch"]}, ${sides.pytorch.versions["blas"]})`,
    `  speed    ${summary.medianRatio.toFixed(2)}x (medians), ${summary.pairedRatio.toFixed(2)}x (paired), ` +
      `${summary.bestRatio.toFixed(2)}x (best); rounds ${summary.lowestRatio.toFixed(2)} to ${summary.highestRatio.toFixed(2)}`,
  ].join("\n");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
