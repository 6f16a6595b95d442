/** The work of `bench`: measurements in processes of their own, told as they are made, kept as JSON, compared. */
import { fileURLToPath } from "node:url";
import { thisMachine } from "../../lib/engine/machine.js";
import { EXIT, FileError, VitvqError } from "../../lib/errors.js";
import { writeJson } from "../../lib/files/atomic.js";
import { compareReports } from "../../lib/speed/comparison.js";
import type { EngineChoice, RatesFound } from "../../lib/speed/jobs.js";
import { measure, measureMachine } from "../../lib/speed/measure.js";
import { type MeasurementName, measurementsNamed } from "../../lib/speed/names.js";
import {
  bestRates,
  FORMAT,
  figuresOf,
  isLost,
  type Lost,
  type Measured,
  readReport,
  type SpeedReport,
} from "../../lib/speed/report.js";
import { spreadOf } from "../../lib/speed/statistics.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../bench.js";
import type { CommandContext } from "../support/command.js";
import { expectFilePlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { threadsOf } from "../support/threads.js";
import { version } from "../support/version.js";
import { comparisonText, milliseconds, range, reportText } from "./benchText.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, force, result, warn } = context;
  await expectFilePlace("--out", config.out, { force });
  const before = config.against === undefined ? undefined : await readEarlier(config.against, config.size);
  const reporter = await openReporter(context);
  try {
    const { report, exitCode } = await measureAll(context, reporter);
    const comparison = before && compareReports(before, report);
    if (comparison?.otherMachine)
      warn(`${config.against} was measured on another machine: ${comparison.differences.join("; ")}`);
    const text = [reportText(report), ...(comparison ? [comparisonText(comparison, config.against!)] : [])];
    result({ ...withFigures(report), ...(comparison ? { comparison } : {}) }, text.join("\n"), exitCode);
  } finally {
    reporter.stop();
  }
}

/** @throws FileError when it is damaged, or of another size */
async function readEarlier(file: string, size: string): Promise<SpeedReport> {
  const report = await readReport(file);
  const { size: got } = report.options;
  if (got === size) return report;
  throw new FileError(
    `--against: ${file} holds measurements of --size ${got}, these are of ${size}; give the same size`,
  );
}

/** Everything that was asked for; a measurement that is lost is told and decides the exit code, and the others go on. */
async function measureAll(context: Context, reporter: Reporter): Promise<{ report: SpeedReport; exitCode: number }> {
  const { config } = context;
  const date = new Date().toISOString();
  const { engine, device, precision, spin } = config;
  const choice = { engine, device, precision, spin, threads: threadsOf(config) };
  const { rates: before, versions } = await ratesOf(choice, reporter);
  const { measurements: named = [], out: _, against: __, ...stated } = config;
  const names = measurementsNamed(named);
  const fixed = { format: FORMAT, date, vitvq: version(), versions, machine: thisMachine() } as const;
  const stored = { ...fixed, options: { ...stated, threads: choice.threads, measurements: names } };
  const measurements: Record<string, Measured | Lost> = {};
  // Before and after each of them: a file that cannot be written is told soon, a call that is interrupted leaves what it has.
  const save = () => keep(config.out, { ...stored, rates: { before }, measurements });
  let exitCode: number = EXIT.done;
  for (const [i, name] of names.entries()) {
    await save();
    const label = `${name} (${i + 1} of ${names.length})`;
    const { found, code } = await measureOne(name, { ...context, threads: choice.threads, label, reporter });
    measurements[name] = found;
    exitCode ||= code;
  }
  await save();
  const after = await ratesOf(choice, reporter).catch((error: Error) => {
    reporter.warn(`the machine's own rates were not measured again: ${error.message}`);
  });
  const report = { ...stored, rates: { before, ...(after ? { after: after.rates } : {}) }, measurements };
  await keep(config.out, report);
  return { report, exitCode };
}

async function ratesOf(choice: EngineChoice, reporter: Reporter): Promise<RatesFound> {
  const spinner = reporter.spinner("the machine's own rates");
  try {
    return await measureMachine(choice);
  } finally {
    spinner.stop();
  }
}

type Making = Pick<Context, "config" | "debug"> & {
  readonly threads: number;
  /** What is shown while it is made. */
  readonly label: string;
  readonly reporter: Reporter;
};

/** The program whose start is measured: the one that is running. */
const BINARY = fileURLToPath(new URL("../../bin/vitvq.js", import.meta.url));

async function measureOne(
  name: MeasurementName,
  { config, debug, threads, label, reporter }: Making,
): Promise<{ found: Measured | Lost; code: number }> {
  const { size, engine, device, precision, spin, seconds, steps, warmup, data } = config;
  const spinner = reporter.spinner(label);
  try {
    const job = { name, size, engine, device, precision, spin, threads, seconds, steps, warmup, data, binary: BINARY };
    const found = await measure(job, ({ runs, median }) =>
      spinner.update(`${label}: ${runs} runs, ${milliseconds(median)} ms`),
    );
    const spread = spreadOf(found.seconds);
    const counted = `${found.seconds.length} ${found.seconds.length === 1 ? "run" : "runs"}`;
    spinner.succeed(`${name}: ${milliseconds(spread.median)} ms (${range(spread)}), ${counted}`);
    return { found, code: EXIT.done };
  } catch (error) {
    if (!(error instanceof VitvqError)) throw error;
    spinner.fail(`${name}: ${error.message}`);
    if (debug && error.cause) reporter.info(`its process said: ${error.cause}`);
    return { found: { error: error.message }, code: error.exitCode };
  }
}

async function keep(file: string | undefined, report: SpeedReport): Promise<void> {
  if (file !== undefined) await writeJson(file, withFigures(report));
}

/** The report with what follows from its timings, for those who read it with other programs. */
function withFigures(report: SpeedReport): SpeedReport {
  const rates = bestRates(report.rates);
  const told = Object.entries(report.measurements).map(
    ([name, one]) => [name, isLost(one) ? one : { ...one, figures: figuresOf(one, rates) }] as const,
  );
  return { ...report, measurements: Object.fromEntries(told) };
}
