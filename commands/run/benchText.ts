/** What `bench` prints: the machine, a line a measurement, and how two reports relate. */
import type { PeakRates } from "../../lib/engine/machineRates.js";
import type { Comparison } from "../../lib/speed/comparison.js";
import { bestRates, type Figures, figuresOf, isLost, type Measured, type SpeedReport } from "../../lib/speed/report.js";
import type { Spread } from "../../lib/speed/statistics.js";
import { formatBytes, formatInteger, formatPercent, formatSignificant } from "../../lib/ui/format.js";
import { textTable } from "../../lib/ui/table.js";

/** A time in milliseconds, in three digits: "105", "3.12". */
export function milliseconds(seconds: number): string {
  return formatSignificant(1000 * seconds, 3);
}

/** The fastest and the slowest, in milliseconds. */
export function range({ fastest, slowest }: Pick<Spread, "fastest" | "slowest">): string {
  return `${milliseconds(fastest)} to ${milliseconds(slowest)}`;
}

/** Machine and rates, then the table of what was measured, then what was lost. */
export function reportText(report: SpeedReport): string {
  const { vitvq, versions, machine, options, rates } = report;
  const { engine, device, node } = versions;
  const products = versions["precision"] === "float16" ? " in float16" : "";
  const engineName = engine === "onnxruntime" ? `onnxruntime ${versions["onnxruntime"]}` : engine;
  const threads = `${options.threads} ${options.threads === 1 ? "thread" : "threads"}`;
  const lines = [
    `vitvq ${vitvq}, ${engineName} on ${device}${products} with ${threads}, Node ${node}; size ${options.size}`,
    `${machine.processor}, ${machine.cores} ${machine.cores === 1 ? "core" : "cores"}, ${formatBytes(machine.memory)} of memory`,
    `multiplies at ${operations(rates.before)}${later(rates.after && operations(rates.after))}, ` +
      `reads memory at ${reading(rates.before)}${later(rates.after && reading(rates.after))}`,
  ];
  const lost = Object.entries(report.measurements).flatMap(([name, one]) =>
    isLost(one) ? [`${name} was lost: ${one.error}\n`] : [],
  );
  return `${lines.join("\n")}\n\n${measurementTable(report)}${lost.join("")}`;
}

const operations = ({ multiplyAdds }: PeakRates): string => `${formatSignificant((2 * multiplyAdds) / 1e9, 3)} GFLOP/s`;
const reading = ({ bytes }: PeakRates): string => `${formatSignificant(bytes / 1e9, 3)} GB/s`;
const later = (text: string | undefined): string => (text === undefined ? "" : ` (${text} at the end)`);

function measurementTable({ measurements, rates }: SpeedReport): string {
  const best = bestRates(rates);
  const made = Object.entries(measurements).flatMap(([name, one]) =>
    isLost(one) ? [] : [{ name, one, figures: figuresOf(one, best) }],
  );
  const rows = made.map(({ name, one, figures }) => [name, ...timeCells(one, figures), ...workCells(one, figures)]);
  return rows.length === 0 ? "" : textTable({ header: HEADER, rows });
}

const HEADER = [
  ...["measurement", "median ms", "range", "runs", "rate"],
  ...["GFLOP/s", "of peak", "bound", "memory", "others"],
];

function timeCells({ seconds, unit }: Measured, figures: Figures): string[] {
  const rate = `${formatSignificant(figures.itemsPerSecond, 3)} ${unit}/s`;
  return [milliseconds(figures.median), range(figures), formatInteger(seconds.length), rate];
}

function workCells({ peakBytes, otherLoad }: Measured, { gigaflops, ofPeak, overBound }: Figures): string[] {
  return [
    gigaflops === undefined ? "-" : formatSignificant(gigaflops, 3),
    ofPeak === undefined ? "-" : formatPercent(ofPeak),
    overBound === undefined ? "-" : `${formatSignificant(overBound, 3)}x`,
    peakBytes === undefined ? "-" : formatBytes(peakBytes),
    otherLoad === undefined ? "-" : formatPercent(otherLoad),
  ];
}

/** How the measurements relate to those of an earlier file. */
export function comparisonText(comparison: Comparison, file: string): string {
  const { rows, leftOut, machine, differences } = comparison;
  const cells = rows.map(({ name, before, now, verdict, ...ratio }) => [
    name,
    milliseconds(before),
    milliseconds(now),
    times(ratio.ratio),
    `${times(ratio.lowest)} to ${times(ratio.highest)}`,
    verdict,
  ]);
  const header = ["measurement", "before ms", "now ms", "speed", "range", ""];
  return [
    `Against ${file}: speed above 1 is faster now; the range is that of the middle halves.\n`,
    cells.length === 0 ? "No measurement is in both.\n" : textTable({ header, rows: cells }),
    `the machine itself: ${times(machine.multiplyAdds)} in multiply-adds, ${times(machine.bytes)} in reading memory\n`,
    ...differences.map((difference) => `${difference}\n`),
    ...Object.entries(leftOut).map(([name, why]) => `${name}: ${why}\n`),
  ].join("");
}

const times = (ratio: number): string => ratio.toFixed(2);
