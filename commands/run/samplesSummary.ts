/** The figures of an evaluation of samples as people read them: a table, then how its scores came about. */
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import { formatInteger, formatPercent, formatSignificant } from "../../lib/ui/format.js";
import { type Cell, textTable } from "../../lib/ui/table.js";
import { caution } from "./fewImages.js";
import type { JudgedFigures, JudgedProtocol } from "./sampleFigures.js";
import type { SetScores } from "./sampleScores.js";

type Scores = SetScores & JudgedFigures;

type Figures = Scores &
  JudgedProtocol & {
    readonly referenceImages: number;
    readonly copyDistance: number;
    readonly real?: Scores;
  };

export function samplesSummary(of: Figures): string {
  const { real, copyDistance, protocol } = of;
  const row = (name: string, cell: (of: Scores) => Cell): Cell[] => [name, cell(of), ...(real ? [cell(real)] : [])];
  const table = textTable({
    header: ["", "samples", ...(real ? ["real images"] : [])],
    rows: [
      row("images", ({ images }) => images),
      row("nearest training image of the same class", (of) => share(of.nearestClassShare)),
      ...classRows(of),
      row("mean distance to it", (of) => formatSignificant(of.meanDistance)),
      row("least distance", (of) => formatSignificant(of.minDistance)),
      row(`copies (distance up to ${copyDistance})`, ({ copies }) => copies),
      ...(protocol.inception ? INCEPTION_ROWS.map(([name, cell]) => row(name, cell)) : []),
      ...(protocol.local ? localRows(protocol.local.run).map(([name, cell]) => row(name, cell)) : []),
    ],
    align: ["left", "right", "right"],
  });
  return [`${table}among ${formatInteger(of.referenceImages)} training images`, ...notes(of)].join("\n");
}

function classRows({ perClass, real }: Figures): Cell[][] {
  const ofReal = new Map(real?.perClass.map((one) => [one.className, one.nearestClassShare]));
  return perClass.map((one) => [
    `  ${one.className}`,
    share(one.nearestClassShare),
    ...(real ? [share(ofReal.get(one.className))] : []),
  ]);
}

type Row = readonly [name: string, cell: (of: Scores) => Cell];

const INCEPTION_ROWS: readonly Row[] = [
  ["gFID", (of) => distance(of.gfid)],
  [
    "Inception Score",
    ({ inceptionScore: score }) => (score ? `${score.mean.toFixed(2)} +- ${score.std.toFixed(2)}` : "-"),
  ],
  ["  precision", (of) => fixed(of.precision)],
  ["  recall", (of) => fixed(of.recall)],
  ["  density", (of) => fixed(of.density)],
  ["  coverage", (of) => fixed(of.coverage)],
];

/** The name says what the distance is not. */
function localRows(run: string): Row[] {
  return [
    [`Fréchet distance on features of ${run} (not comparable to published FID)`, (of) => distance(of.localFrechet)],
    ["  precision on them", (of) => fixed(of.localPrecision)],
    ["  recall", (of) => fixed(of.localRecall)],
    ["  density", (of) => fixed(of.localDensity)],
    ["  coverage", (of) => fixed(of.localCoverage)],
  ];
}

function notes({ protocol: { inception, local }, referenceInceptionScore: score }: Figures): string[] {
  const lines: string[] = [];
  if (inception) {
    const file = `${inception.file}, ${short(inception.sha256)}, ${inception.known ? "" : "not "}the published file`;
    const kept = inception.statistics?.read ? `, out of ${inception.statistics.file}` : "";
    lines.push(`Inception (${file}), ${inception.resize}${kept}: ${counts(inception, INCEPTION_FEATURES)}`);
    if (score) lines.push(`Inception Score of the reference: ${score.mean.toFixed(2)} +- ${score.std.toFixed(2)}`);
  }
  if (local)
    lines.push(
      `features of ${local.run} (${short(local.tokenizer)}): ${local.features}, ${local.dim} wide: ` +
        counts(local, local.dim),
    );
  return lines;
}

type Counts = Pick<
  NonNullable<JudgedProtocol["protocol"]["local"]>,
  "samples" | "real" | "reference" | "neighbours" | "singularCovariance"
>;

function counts({ samples, real, reference, neighbours }: Counts, dim: number): string {
  const { precisionRecall, densityCoverage, among } = neighbours;
  const warning = caution(Math.min(samples, real ?? samples, reference), dim);
  return [
    `${formatInteger(samples)} samples${real === null ? "" : `, ${formatInteger(real)} real images`}, ` +
      `${formatInteger(reference)} reference images`,
    `precision and recall by ${precisionRecall} neighbours, density and coverage by ${densityCoverage}, among ` +
      `${formatInteger(among)} of the reference`,
    ...(warning === undefined ? [] : [warning]),
  ].join("; ");
}

const share = (value: number | null | undefined) => (typeof value === "number" ? formatPercent(value) : "-");

const fixed = (value: number | null): string => (value === null ? "-" : value.toFixed(3));

const distance = (value: number | null): string => (value === null ? "-" : formatSignificant(value));

const short = (hash: string): string => hash.slice(0, 12);
