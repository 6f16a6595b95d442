/**
 * Our train step beside PyTorch's, in alternation: both sides stay loaded, and take turns of a few steps, round by round.
 *
 *     node dist/bench/compare.js [--case small,small-adamw,tiny,tiny-adamw] [--rounds 9] [--max-rounds 30] [--steps 3]
 *         [--patience 30] [--threads 2] [--python /usr/bin/python3] [--name NAME] [--check] [--any-blas] [--spin]
 *
 * Other cases: `stage1-ae`, `stage1-full`, `sample-8-512` and its kin (see bench/cases.ts).
 *
 * A round in which other programs used more than 5% of the processors does not count and is run again, at most until
 * there are `--max-rounds`; before each, up to `--patience` seconds are spent waiting for a quiet machine.
 * With `--spin` our idle threads wait busily within a step, as those of PyTorch's OpenMP do.
 * First checks that both sides compute the same losses and gradients; `--check` stops there. Prints the figures and
 * writes `bench/results/NAME.json` when there is a name.
 */
import { spawn } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { UsageError } from "../lib/errors.js";
import { median } from "../lib/speed/statistics.js";
import { type Case, type CasePrograms, casePrograms, findCase, USUAL_CASES } from "./cases.js";
import { environment, waitForQuiet } from "./machine.js";
import { positiveInteger } from "./options.js";
import { inFolder, print, root, runBenchmark, saveResults } from "./program.js";
import { type Ready, type Side, type SideCommand, startSide, type Turn } from "./side.js";
import { isUndisturbed, type Round, type Summary, summarise } from "./summary.js";

type Measured = {
  summary: Summary;
  peakMemoryBytes: { vitvq: number; pytorch: number };
  sides: { vitvq: Ready; pytorch: Ready };
  loadAverage: { before: number; after: number };
  rounds: Round[];
};

type CaseResult = Case & Measured;

const here = path.join(root, "dist", "bench");
const bench = path.join(root, "bench");

const { values } = parseArgs({
  options: {
    case: { type: "string", default: USUAL_CASES.join(",") },
    rounds: { type: "string", default: "9" },
    "max-rounds": { type: "string", default: "30" },
    patience: { type: "string", default: "30" },
    steps: { type: "string", default: "3" },
    threads: { type: "string", default: String(availableParallelism()) },
    python: { type: "string", default: "/usr/bin/python3" },
    name: { type: "string" },
    check: { type: "boolean", default: false },
    "any-blas": { type: "boolean", default: false },
    spin: { type: "boolean", default: false },
  },
});

await runBenchmark(() => compareAll(values.case.split(",")));

async function compareAll(names: readonly string[]): Promise<void> {
  const cases = names.map(findCase);
  await inFolder(async (folder) => {
    const files = await expectSameFunctions(cases, folder);
    if (!values.check) await measureAll(names, cases, files);
  });
}

async function measureAll(names: readonly string[], cases: readonly Case[], files: ReadonlyMap<string, string>) {
  const results: Record<string, CaseResult> = {};
  for (const [i, one] of cases.entries()) {
    const result = await compare(one, files.get(functionOf(one))!);
    results[names[i]!] = result;
    print(`\n${names[i]}: ${describe(result)}`);
    if (values.name !== undefined)
      await saveResults(values.name, { environment: environment(threadSettings()), spin: values.spin, results });
  }
}

/** @param exported what our side wrote for the check */
async function compare(one: Case, exported: string): Promise<CaseResult> {
  const before = loadavg()[0]!;
  const programs = casePrograms(one);
  const { timed, weightsOption } = programs;
  const stepArguments = [...timed, "--steps", values.steps, "--serve"];
  const weights = weightsOption === undefined ? [] : [weightsOption, exported];
  const vitvq = await startSide(ourSide(programs, stepArguments));
  const pytorch = await startSide(theirSide(programs, [...stepArguments, ...weights])).catch((error) => {
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

type Turns = Omit<Measured, "loadAverage">;

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

/**
 * Exports weights, data and gradients of each case from our side and lets the other side compare.
 * @returns the exported files by `functionOf` their cases
 */
async function expectSameFunctions(cases: readonly Case[], folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const one of cases) {
    if (files.has(functionOf(one))) continue;
    const file = path.join(folder, `${files.size}.safetensors`);
    await expectSameFunction(casePrograms(one), file);
    files.set(functionOf(one), file);
  }
  return files;
}

/** What a case computes; whether it also updates makes no difference to the check. */
function functionOf(one: Case): string {
  const { ours, computed } = casePrograms(one);
  return [ours, ...computed].join(" ");
}

async function expectSameFunction(programs: CasePrograms, file: string): Promise<void> {
  await run(ourSide(programs, ["--export", file]));
  print((await run(theirSide(programs, ["--check", file]))).trim());
}

function expectFastBlas({ versions }: Ready): void {
  const { blas = "unknown" } = versions;
  if (values["any-blas"] || !blas.startsWith("libblas")) return;
  throw new UsageError(
    `PyTorch multiplies matrices with the reference BLAS here (${blas}), which is ten times slower than OpenBLAS: a ` +
      "ratio would say nothing; install libopenblas0-openmp, or pass --any-blas",
  );
}

function ourSide({ ours, computed }: CasePrograms, args: readonly string[]): SideCommand {
  return sideCommand(process.execPath, [
    path.join(here, ours),
    ...computed,
    ...(values.spin ? ["--spin"] : []),
    ...args,
  ]);
}

function theirSide({ theirs, computed, theirOptions = [] }: CasePrograms, args: readonly string[]): SideCommand {
  return sideCommand(values.python, [path.join(bench, "pytorch", theirs), ...computed, ...theirOptions, ...args]);
}

function sideCommand(command: string, args: readonly string[]): SideCommand {
  return { command, args: [...args, "--threads", values.threads], env: threadSettings() };
}

function threadSettings(): Record<string, string> {
  return { OMP_NUM_THREADS: values.threads, OPENBLAS_NUM_THREADS: values.threads };
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
  const { boundSeconds, rates } = sides.vitvq;
  const bound =
    boundSeconds === undefined || rates === undefined
      ? []
      : [
          `  bound    ${milliseconds(boundSeconds)} at ${(rates.bytes / 1e9).toFixed(1)} GB/s read, ` +
            `${(rates.multiplyAdds / 1e9).toFixed(0)} G multiply-adds/s: vitvq takes ${(vitvqMedian / boundSeconds).toFixed(2)} times it`,
        ];
  return [
    `${summary.rounds} ${summary.undisturbed ? "undisturbed" : "DISTURBED"} rounds of ${rounds.length}, ` +
      `${sides.vitvq.threads} threads, load ${loadAverage.before.toFixed(1)}`,
    `  vitvq    median ${milliseconds(vitvqMedian)}, best ${milliseconds(vitvqBest)}, ${megabytes(peakMemoryBytes.vitvq)}`,
    `  pytorch  median ${milliseconds(pytorchMedian)}, best ${milliseconds(pytorchBest)}, ${megabytes(peakMemoryBytes.pytorch)}` +
      ` (torch ${sides.pytorch.versions["torch"]}, ${sides.pytorch.versions["blas"]})`,
    `  speed    ${summary.medianRatio.toFixed(2)}x (medians), ${summary.pairedRatio.toFixed(2)}x (paired), ` +
      `${summary.bestRatio.toFixed(2)}x (best); rounds ${summary.lowestRatio.toFixed(2)} to ${summary.highestRatio.toFixed(2)}`,
    ...bound,
  ].join("\n");
}
