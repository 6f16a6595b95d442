/** What the child process of a measurement does: one job, so that a crash takes nothing else down and memory is its own. */
import { answerJob } from "../childJob.js";
import type { PeakRates } from "../engine/machineRates.js";
import type { OnnxDevice } from "../engine/onnxruntime.js";
import type { EngineName } from "../engine/open.js";
import type { Engine, Precision } from "../engine/types.js";
import { exactly, lasting, timeRuns } from "../timing.js";
import type { Plan } from "../train/plans.js";
import type { Prepared } from "./measurement.js";
import type { MeasurementName } from "./names.js";
import { ownSeconds, watchOthers } from "./otherLoad.js";
import { peakBytes } from "./peakBytes.js";
import { prepare } from "./prepare.js";
import type { Measured } from "./report.js";
import { SPEED_SIZES, type SpeedSizeName } from "./sizes.js";

export type EngineChoice = {
  readonly engine: EngineName;
  readonly device: OnnxDevice;
  /** float32 if absent. */
  readonly precision?: Precision;
  readonly threads: number;
  readonly spin?: boolean | undefined;
};

/** How long to measure: so many runs, or so many seconds and at least a few runs. */
export type Amount = { readonly warmup: number; readonly steps?: number | undefined; readonly seconds: number };

export type RatesJob = EngineChoice & { readonly kind: "rates" };

export type MeasureJob = EngineChoice &
  Amount & {
    readonly kind: "measure";
    readonly name: MeasurementName;
    readonly size: SpeedSizeName;
    readonly binary: string;
    readonly data?: string | undefined;
  };

export type RatesFound = { readonly rates: PeakRates; readonly versions: Readonly<Record<string, string>> };

export type Progress = { readonly runs: number; readonly median: number };

/** Runs that `seconds` never goes below. */
const LEAST_RUNS = 5;
const RATE_RUNS = 25;
const REPORT_EVERY = 0.2; // seconds

// What a measurement leaves behind, files in a temporary folder, is removed when the process exits, not when it is killed.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

answerJob<RatesJob | MeasureJob, RatesFound | Measured, Progress>((job, report) =>
  job.kind === "rates" ? findRates(job) : measure(job, report),
);

async function findRates(job: RatesJob): Promise<RatesFound> {
  const { engineVersions } = await import("../engine/open.js");
  const { measurePeaks } = await import("../engine/machineRates.js");
  const engine = await engineOf(job);
  return { rates: await measurePeaks(engine, RATE_RUNS), versions: engineVersions(engine) };
}

async function engineOf({ engine, precision = "float32", spin = false, ...rest }: EngineChoice): Promise<Engine> {
  const { device, threads } = rest;
  return (await import("../engine/open.js")).openEngine(engine, { device, precision, threads, spinning: spin });
}

async function measure(job: MeasureJob, report: (progress: Progress) => void): Promise<Measured> {
  const { data, binary } = job;
  const began = performance.now();
  const openEngine = () => engineOf(job);
  const prepared = await prepare(job.name, { size: SPEED_SIZES[job.size], openEngine, data, binary });
  try {
    const setUpSeconds = (performance.now() - began) / 1000;
    const timed = await time(prepared, job, report);
    const { items, unit, work, plans, steps = 1 } = prepared;
    const multiplyAdds = plans && steps * (await multiplyAddsOf(plans));
    const counted = multiplyAdds === undefined ? {} : { multiplyAdds };
    return { items, unit, setUpSeconds, ...timed, ...counted, ...(work ? { work } : {}) };
  } finally {
    await prepared.close();
  }
}

type Timed = Pick<Measured, "seconds" | "peakBytes" | "otherLoad">;

async function time(
  { run, elsewhere }: Prepared,
  amount: Amount,
  report: (progress: Progress) => void,
): Promise<Timed> {
  const { warmup, steps, seconds: atLeast } = amount;
  const { median } = await import("./statistics.js");
  for (let i = 0; i < warmup; i++) await run();
  const [others, before] = [watchOthers(), ownSeconds()];
  let told = performance.now();
  const seconds = await timeRuns(run, {
    enough: steps === undefined ? lasting(atLeast, LEAST_RUNS) : exactly(steps),
    onRun: (all) => {
      if (performance.now() - told < REPORT_EVERY * 1000) return;
      report({ runs: all.length, median: median(all) });
      told = performance.now();
    },
  });
  const rounded = seconds.map((each) => Number(each.toFixed(7)));
  if (elsewhere) return { seconds: rounded };
  const otherLoad = others(ownSeconds() - before);
  return { seconds: rounded, otherLoad, peakBytes: peakBytes() };
}

async function multiplyAddsOf(plans: readonly Plan[]): Promise<number> {
  const { stepCost } = await import("../engine/stepCost.js");
  return plans.reduce((sum, { step, options }) => sum + stepCost(step, options).multiplyAdds, 0);
}
