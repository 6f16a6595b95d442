/** Two reports beside each other. */
import type { PeakRates } from "../engine/machineRates.js";
import { bestRates, isLost, type Lost, type Measured, type SpeedReport } from "./report.js";
import { spreadOf } from "./statistics.js";

/** How many times as fast, with a range: above 1 is faster now. */
export type Ratio = { readonly ratio: number; readonly lowest: number; readonly highest: number };

export type ComparedRow = Ratio & {
  readonly name: string;
  /** Median seconds. */
  readonly before: number;
  readonly now: number;
  /** `same` where the range holds 1. */
  readonly verdict: "faster" | "slower" | "same";
};

export type Comparison = {
  /** Measurements of both, in today's order. */
  readonly rows: readonly ComparedRow[];
  /** Names of measurements that are not compared, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** How many times as fast the machine itself is, by its rates. */
  readonly machine: PeakRates;
  /** What differs beside the program: "processor: A, now B". */
  readonly differences: readonly string[];
  /** Whether it is another machine. */
  readonly otherMachine: boolean;
};

/**
 * Ratios of medians, matched by name. The range of a ratio is that of the quarters: upper before over lower now at most,
 * lower before over upper now at least.
 */
export function compareReports(before: SpeedReport, now: SpeedReport): Comparison {
  const rows: ComparedRow[] = [];
  const leftOut: Record<string, string> = {};
  for (const name of new Set([...Object.keys(now.measurements), ...Object.keys(before.measurements)])) {
    const pair = [before.measurements[name], now.measurements[name]] as const;
    const why = whyNot(...pair) ?? (name === DATA ? otherImages(before, now) : undefined);
    if (why === undefined) rows.push(comparedRow(name, ...(pair as [Measured, Measured])));
    else leftOut[name] = why;
  }
  const [was, is] = [bestRates(before.rates), bestRates(now.rates)];
  const machine = { multiplyAdds: is.multiplyAdds / was.multiplyAdds, bytes: is.bytes / was.bytes };
  const machines = changes(factsOfMachine(before), factsOfMachine(now));
  const differences = [...machines, ...changes(otherFacts(before), otherFacts(now))];
  return { rows, leftOut, machine, differences, otherMachine: machines.length > 0 };
}

function comparedRow(name: string, before: Measured, now: Measured): ComparedRow {
  const [was, is] = [spreadOf(before.seconds), spreadOf(now.seconds)];
  const lowest = was.lowerQuarter / is.upperQuarter;
  const highest = was.upperQuarter / is.lowerQuarter;
  const verdict = lowest > 1 ? "faster" : highest < 1 ? "slower" : "same";
  return { name, before: was.median, now: is.median, ratio: was.median / is.median, lowest, highest, verdict };
}

type Side = Measured | Lost | undefined;

function whyNot(before: Side, now: Side): string | undefined {
  if (!before) return "not measured before";
  if (!now) return "not measured now";
  if (isLost(before)) return "was lost before";
  if (isLost(now)) return "was lost now";
  const [was, is] = [before, now].map(({ items, unit }) => `${items} ${unit}`);
  return was === is ? undefined : `a run was ${was} before and is ${is} now`;
}

/** The measurement that reads images, and the option that names others than those made for it. */
const DATA = "data";

function otherImages(before: SpeedReport, now: SpeedReport): string | undefined {
  const [was, is] = [before, now].map(({ options }) => String(options[DATA] ?? "images made for it"));
  return was === is ? undefined : `it read ${was} before and ${is} now`;
}

const factsOfMachine = ({ machine: { processor, cores, platform, arch } }: SpeedReport): Facts => {
  return { processor, cores, platform, arch };
};

const otherFacts = ({ versions, options }: SpeedReport): Facts => {
  const { processor: _, ...others } = versions; // it is the machine's
  return { ...others, threads: options.threads, spin: options["spin"] ?? false };
};

type Facts = Readonly<Record<string, unknown>>;

function changes(before: Facts, now: Facts): string[] {
  const names = Object.keys({ ...before, ...now });
  const differing = names.filter((name) => before[name] !== now[name]);
  return differing.map((name) => `${name}: ${before[name] ?? "unknown"}, now ${now[name] ?? "unknown"}`);
}
