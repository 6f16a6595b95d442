/**
 * The table of `make ablation`: means over seeds of what every row's runs reached, beside the paper's figures, and whether
 * the paper's directions show.
 *
 *     node dist/bench/ablation.js runs/ablation docs/ablation.md
 *
 * Reads SEED/ROW/{config.json,metrics.jsonl,evaluation/evaluation.json} of the first folder and writes the second as Markdown.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../lib/errors.js";
import { writeAtomically } from "../lib/files/atomic.js";
import { readMetrics } from "../lib/files/metricsFile.js";
import { DIRECTIONS, type Direction, type Figures, figureKeys, ROWS, type Row } from "./ablationRows.js";
import { machine } from "./machine.js";
import { print, runBenchmark } from "./program.js";

/** What one run reached, and how. */
type Run = { readonly seed: string; readonly figures: Figures; readonly config: Config; readonly images: number };

type Config = {
  readonly data: { readonly images: number; readonly path: string };
  readonly model: { readonly imageSize: number; readonly codebookSize: number };
  readonly options: Readonly<Record<"steps" | "batchSize" | "threads", number>>;
};

type Runs = ReadonlyMap<string, readonly Run[]>;

const HEADER = [
  ...["change", "L1 (1e-2)", "L2 (1e-3)", "logit-laplace", "SSIM", "usage", "perplexity", "images/s", "time"],
  ...["paper: L1", "L2", "logit-laplace", "usage", "images/s"],
];

const NAMES: Readonly<Record<Direction["figure"], string>> = {
  mse: "L2 (1e-3)",
  usage: "usage",
  imagesPerSecond: "images/s",
};

const FORMATS: Readonly<Record<Direction["figure"], (value: number) => string>> = {
  mse: (value) => (1000 * value).toFixed(1),
  usage: (value) => `${(100 * value).toFixed(1)}%`,
  imagesPerSecond: (value) => value.toFixed(0),
};

const [from, to] = process.argv.slice(2);
await runBenchmark(async () => {
  if (from === undefined || to === undefined) throw new UsageError("want two arguments: a folder of runs and a file");
  await writeAtomically(to, report(await readRuns(from)));
  print(`${to}: ${ROWS.length} rows`);
});

async function readRuns(folder: string): Promise<Runs> {
  const seeds = (await readdir(folder)).sort();
  const all = ROWS.map(async ({ name }): Promise<[string, Run[]]> => {
    return [name, await Promise.all(seeds.map((seed) => readRun(path.join(folder, seed, name), seed)))];
  });
  return new Map(await Promise.all(all));
}

async function readRun(folder: string, seed: string): Promise<Run> {
  const json = async (...name: string[]) => JSON.parse(await readFile(path.join(folder, ...name), "utf8"));
  const evaluation = await json("evaluation", "evaluation.json");
  const config: Config = await json("config.json");
  const metrics = await readMetrics(path.join(folder, "metrics.jsonl"));
  const paces = metrics.map((record) => Number(record["imagesPerSecond"]));
  const { mae, mse, logitLaplace, ssim, batchUsage: usage, perplexity } = evaluation;
  const { steps, batchSize } = config.options;
  const seconds = paces.reduce((sum, pace) => sum + (steps * batchSize) / paces.length / pace, 0);
  const imagesPerSecond = Math.max(...paces);
  const figures: Figures = { mae, mse, logitLaplace, ssim, usage, perplexity, imagesPerSecond, seconds };
  const missing = figureKeys.find((key) => !Number.isFinite(figures[key]));
  if (missing !== undefined) throw new UsageError(`${folder}: has no figure for ${missing}`);
  return { seed, figures, config, images: evaluation.images };
}

function report(runs: Runs): string {
  return [
    "# The paper's ablation in small",
    conditions(runs),
    "## Rows",
    table(
      HEADER,
      ROWS.map((row) => [row.change, ...figureCells(runs, row), ...paperCells(row)]),
    ),
    "Of vitvq: means over the seeds. Usage is the paper's, codes used in a batch of 256 images (here all held-out images, " +
      "which are fewer). Errors are those of the held-out images. images/s: the fastest interval of the log, since other programs " +
      "may have used the machine; time: all of it.",
    "## Directions",
    table(
      ["the paper's direction", "figure", "from", "to", "here"],
      DIRECTIONS.map((direction) => directionCells(runs, direction)),
    ),
    "Values seed by seed. `shown` and `contradicted`: all seeds agree on the sign.",
    "",
  ].join("\n\n");
}

function conditions(runs: Runs): string {
  const all = runs.get("base")!;
  const { config, images } = all[0]!;
  const { steps, batchSize, threads } = config.options;
  const { imageSize, codebookSize } = config.model;
  const total = [...runs.values()].flat().reduce((sum, { figures }) => sum + figures.seconds, 0);
  const { processor, cores } = machine();
  return [
    `Table 4 of the paper, scaled to what ${cores} cores (${processor}) do in an hour: ${config.data.images} colour images`,
    `of ${imageSize}x${imageSize} (Noto emoji), ${images} held out; ${steps} steps of ${batchSize}; ${codebookSize} codes;`,
    `seeds ${all.map(({ seed }) => seed).join(" and ")}; ${threads} thread a run, two runs at a time,`,
    `${(total / 3600).toFixed(1)} hours of training in all. Every row changes one thing of the first; the options are in`,
    "[bench/ablation.mk](../bench/ablation.mk). No run has a perceptual loss, and there is no FID or Inception Score: both want",
    "networks that are not at hand here, and 32x32 drawings are not what they were made for.",
    "The codebook starts on latents after 100 steps without quantizing (the tool's default), unless the row says otherwise,",
    "and no code is ever restarted (the tool's default is to), so that usage is what learning keeps. Written by `make ablation`.",
  ].join("\n");
}

function figureCells(runs: Runs, { name }: Row): string[] {
  const mean = (key: keyof Figures) => meanOf(runs.get(name)!.map(({ figures }) => figures[key]));
  return [
    (100 * mean("mae")).toFixed(2),
    (1000 * mean("mse")).toFixed(1),
    mean("logitLaplace").toFixed(2),
    mean("ssim").toFixed(3),
    `${(100 * mean("usage")).toFixed(1)}%`,
    mean("perplexity").toFixed(0),
    mean("imagesPerSecond").toFixed(0),
    `${mean("seconds").toFixed(0)} s`,
  ];
}

function paperCells({ paper }: Row): string[] {
  if (!paper) return ["", "", "", "", ""];
  const [l1, l2, logitLaplace, usage, imagesPerSecond] = paper;
  return [l1.toFixed(2), l2.toFixed(2), logitLaplace.toFixed(2), `${usage}%`, `${imagesPerSecond}`];
}

function directionCells(runs: Runs, { claim, figure, from, to, rises }: Direction): string[] {
  const values = (name: string) => runs.get(name)!.map(({ figures }) => figures[figure]);
  const [before, after] = [values(from), values(to)];
  const agreeing = after.filter((value, i) => (rises ? value > before[i]! : value < before[i]!)).length;
  const verdict = agreeing === after.length ? "shown" : agreeing === 0 ? "**contradicted**" : "seeds disagree";
  const written = (name: string, all: readonly number[]) =>
    `${name}: ${all.map((value) => FORMATS[figure](value)).join(", ")}`;
  return [claim, NAMES[figure], written(from, before), written(to, after), verdict];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A Markdown table. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
