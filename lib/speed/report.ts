/** The results of `vitvq bench` as a file: every timing, and what one must know to compare them. */
import { readFile } from "node:fs/promises";
import type { Machine } from "../engine/machine.js";
import type { PeakRates } from "../engine/machineRates.js";
import { FileError } from "../errors.js";
import { type SamplingWork, samplingBound } from "./samplingBound.js";
import { type Spread, spreadOf } from "./statistics.js";

/** What one measurement found. */
export type Measured = {
  /** Every timing in order, at least one. */
  readonly seconds: readonly number[];
  /** What a run makes or takes in. */
  readonly items: number;
  readonly unit: string;
  /** Making ready: weights, tracing, compiling. */
  readonly setUpSeconds: number;
  /** Of a run, where they can be counted. */
  readonly multiplyAdds?: number;
  /** Of a step of sampling. */
  readonly work?: SamplingWork;
  /** Most memory that the process had, where it did the work itself. */
  readonly peakBytes?: number;
  /** Share of all processor time, 0..1, that other programs used meanwhile. */
  readonly otherLoad?: number;
};

/** A measurement that was lost, and why. */
export type Lost = { readonly error: string };

export type SpeedReport = {
  readonly format: typeof FORMAT;
  /** When it began, ISO 8601. */
  readonly date: string;
  /** Version of the program. */
  readonly vitvq: string;
  /** Versions of engine and Node. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly options: { readonly size: string; readonly threads: number } & Readonly<Record<string, unknown>>;
  /** Before the first measurement, and after the last one once it is over. */
  readonly rates: { readonly before: PeakRates; readonly after?: PeakRates };
  readonly measurements: Readonly<Record<string, Measured | Lost>>;
};

export const FORMAT = "vitvq bench 1";

export const isLost = (one: Measured | Lost): one is Lost => "error" in one;

/** The better of the rates before and after: what the machine could do. */
export function bestRates({ before, after = before }: SpeedReport["rates"]): PeakRates {
  return {
    multiplyAdds: Math.max(before.multiplyAdds, after.multiplyAdds),
    bytes: Math.max(before.bytes, after.bytes),
  };
}

/** Figures that follow from timings and rates. */
export type Figures = Spread & {
  readonly itemsPerSecond: number;
  /** Two operations a multiply-add, 1e9 a second. */
  readonly gigaflops?: number;
  /** Share of the machine's rate of multiply-adds. */
  readonly ofPeak?: number;
  /** Median over the least time that reading and multiplying can take. */
  readonly overBound?: number;
};

export function figuresOf({ seconds, items, multiplyAdds, work }: Measured, rates: PeakRates): Figures {
  const spread = spreadOf(seconds);
  const perSecond = multiplyAdds === undefined ? undefined : multiplyAdds / spread.median;
  return {
    ...spread,
    itemsPerSecond: items / spread.median,
    ...(perSecond === undefined ? {} : { gigaflops: (2 * perSecond) / 1e9, ofPeak: perSecond / rates.multiplyAdds }),
    ...(work ? { overBound: spread.median / samplingBound(work, rates) } : {}),
  };
}

/**
 * Reads a report that was written before.
 * @throws FileError when there is none, or it is damaged or of another kind
 */
export async function readReport(file: string): Promise<SpeedReport> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "no such file" : `cannot be read: ${error.message}`;
    throw new FileError(`${file}: ${reason}; want one that vitvq bench --out wrote`, { cause: error });
  });
  const report = parse(file, text);
  const problem = problemOf(report);
  if (problem === undefined) return report as SpeedReport;
  throw new FileError(`${file}: not results of vitvq bench: ${problem}; measure again with --out`);
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError(`${file}: damaged: not JSON; measure again with --out`, { cause: error });
  }
}

/** What is wrong with the parts that a comparison reads. */
function problemOf(report: unknown): string | undefined {
  if (!isRecord(report)) return "want an object";
  const { format, machine, options, rates, measurements } = report;
  if (format !== FORMAT) return `want format ${JSON.stringify(FORMAT)}, got ${JSON.stringify(format) ?? "none"}`;
  if (!isRecord(options) || typeof options["size"] !== "string") return "options.size is missing";
  if (typeof options["threads"] !== "number") return "options.threads is missing";
  if (!isRecord(machine) || typeof machine["processor"] !== "string") return "machine.processor is missing";
  if (!isRecord(report["versions"])) return "versions are missing";
  if (!isRecord(rates) || !isRates(rates["before"])) return "rates.before is missing";
  if (rates["after"] !== undefined && !isRates(rates["after"])) return "rates.after has no numbers above 0";
  if (!isRecord(measurements)) return "measurements are missing";
  const odd = Object.entries(measurements).find(([, one]) => !isMeasurement(one));
  return odd && `measurement ${odd[0]} has no timings`;
}

const isRates = (value: unknown): boolean =>
  isRecord(value) && isPositive(value["multiplyAdds"]) && isPositive(value["bytes"]);

function isMeasurement(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if (typeof value["error"] === "string") return true;
  const { seconds, items, unit } = value;
  const timed = Array.isArray(seconds) && seconds.length > 0 && seconds.every(isPositive);
  return timed && isPositive(items) && typeof unit === "string";
}

const isPositive = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value > 0;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
