/** The figures of a VIM on a token file, as people read them: lines, and a chart by row of the grid. */
import path from "node:path";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { lineChart } from "../../lib/ui/chart.js";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import { textTable } from "../../lib/ui/table.js";
import type { LikelihoodFigures } from "./likelihoodFigures.js";

/**
 * Writes likelihood.json, and the chart as SVG and PNG.
 * @throws FileError when the folder cannot be written to
 */
export async function writeLikelihood(folder: string, figures: LikelihoodFigures): Promise<void> {
  const chart = likelihoodChart(figures);
  await writeAtomically(path.join(folder, "likelihood.svg"), renderSvg(chart));
  await writeAtomically(path.join(folder, "likelihood.png"), await renderPng(chart));
  await writeJson(path.join(folder, "likelihood.json"), figures);
}

type Row = readonly [metric: string, value: string, protocol: string];

/** A line each, with counts and hashes. */
export function likelihoodText(of: LikelihoodFigures): string {
  const rows = [
    ...setRows(of),
    ...scoreRows(of, "NLL with class", of.withClass),
    ...scoreRows(of, "NLL without class", of.withoutClass),
    ...entropyRows(of),
  ];
  return textTable({ rows, align: ["left", "left", "left"] });
}

function setRows(of: LikelihoodFigures): Row[] {
  const views = of.viewsPerImage > 1 ? `, ${of.viewsPerImage} of each image` : "";
  return [
    [
      "codes",
      formatInteger(of.codes),
      `${formatInteger(of.rows)} rows${views} of ${of.grid.join(" x ")} codes out of ${formatInteger(of.vocabulary)}; ` +
        `${path.basename(of.tokens)} (${short(of.tokensSha256)})`,
    ],
    ["VIM", short(of.vim), `begins the SHA-256 of its weights; that of the tokenizer's: ${short(of.tokenizer)}`],
  ];
}

type Scores = LikelihoodFigures["withClass"];

function scoreRows({ rows, dimensions }: LikelihoodFigures, name: string, scores: Scores): Row[] {
  if (!scores) return [];
  const some = scores.rows === rows ? "" : `, of the ${formatInteger(scores.rows)} rows that have one`;
  const lines: Row[] = [
    [name, nats(scores.nll), `a code${some}; perplexity ${scores.perplexity.toFixed(2)}`],
    ["  top-1", formatPercent(scores.top1), "of the codes are the likeliest, given those before them"],
  ];
  if (dimensions !== null && scores.bitsPerDimension !== null)
    lines.push([
      "  bits per dimension",
      scores.bitsPerDimension.toFixed(4),
      `of ${formatInteger(dimensions)} pixels and channels; counts the codes alone, not the pixels given the codes`,
    ]);
  return lines;
}

function entropyRows(of: LikelihoodFigures): Row[] {
  const { reference } = of;
  const rows: Row[] = [["unigram entropy", nats(of.unigramEntropy), "of these codes, wherever they stand"]];
  if (reference)
    rows.push([
      "  under training codes",
      nats(reference.crossEntropy),
      `cross entropy, counts of ${formatInteger(reference.rows)} rows plus one; ` +
        `${path.basename(reference.file)} (${short(reference.sha256)})`,
    ]);
  return [
    ...rows,
    [
      "position entropy",
      nats(of.positionEntropy),
      "of these codes position by position, as if independent; too low where rows are few",
    ],
    ["uniform", nats(of.uniformEntropy), `ln ${formatInteger(of.vocabulary)}`],
  ];
}

/** Nats per code by row of the grid, and entropies as levels. */
function likelihoodChart(of: LikelihoodFigures): Drawing {
  const x = of.positionEntropyByRow.map((_, row) => row + 1);
  const line = (name: string, scores: Scores) => (scores ? [{ name, x, y: scores.nllByRow }] : []);
  return lineChart({
    title: `Negative log-likelihood of ${formatInteger(of.codes)} codes, by row of the grid`,
    xLabel: "row of the grid, from the top",
    yLabel: "nats per code",
    series: [
      ...line("VIM with class", of.withClass),
      ...line("VIM without class", of.withoutClass),
      { name: "entropy of each position", x, y: of.positionEntropyByRow, dashed: true },
    ],
    references: [
      { name: "unigram entropy", y: of.unigramEntropy },
      { name: `ln ${formatInteger(of.vocabulary)}`, y: of.uniformEntropy },
    ],
  });
}

const nats = (value: number): string => `${value.toFixed(4)} nats`;

const short = (hash: string): string => hash.slice(0, 12);
