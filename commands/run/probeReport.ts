/** What `probe` found, as JSON, as a table and as a chart. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import type { Accuracy } from "../../lib/probe/softmaxClassifier.js";
import type { BlockProbe } from "../../lib/probe/sweep.js";
import { lineChart } from "../../lib/ui/chart.js";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { formatPercent } from "../../lib/ui/format.js";
import { type Cell, textTable } from "../../lib/ui/table.js";
import type { PixelBaseline } from "./probePixels.js";

type Images = { readonly file: string; readonly images: number };

/** All accuracies are shares of the test rows, 0..1; blocks count from 1, 0 being the embeddings before the first. */
export type ProbeReport = {
  readonly vim: string;
  readonly train: Images;
  readonly test: Images;
  readonly classes: number;
  /** Blocks of the VIM, and its width, which is the number of features. */
  readonly depth: number;
  readonly features: number;
  /** Features are the mean over all positions. */
  readonly pooling: "mean";
  readonly blocks: readonly BlockProbe[];
  /** The block with the highest top-1. */
  readonly best: BlockProbe;
  /** What the figures are to be held against; null where one could not be had or was not wanted. */
  readonly baselines: {
    readonly rawPixels: PixelBaseline | null;
    /** The best block of the same VIM with random weights, and all of them. */
    readonly randomInit: (BlockProbe & { readonly blocks: readonly BlockProbe[] }) | null;
    /** Always naming the most frequent training classes. */
    readonly majorityClass: Accuracy;
  };
  /** Why a baseline is null. */
  readonly missing: Readonly<Record<string, string>>;
  readonly seconds: number;
};

/** The block with the highest top-1, the first of equals. */
export function bestOf(blocks: readonly BlockProbe[]): BlockProbe {
  return blocks.reduce((a, b) => (b.top1 > a.top1 ? b : a));
}

/** The table on stdout: a row a block, then the baselines. */
export function reportText(report: ProbeReport): string {
  const { blocks, best, baselines, missing } = report;
  const { rawPixels, randomInit, majorityClass } = baselines;
  const random = (at: number): Cell[] => {
    const same = randomInit?.blocks.find(({ block }) => block === at);
    return same ? [formatPercent(same.top1)] : [];
  };
  const rows: Cell[][] = blocks.map((probe) => [
    probe.block === 0 ? "embeddings (block 0)" : `block ${probe.block}`,
    ...shares(probe),
    String(probe.l2),
    ...random(probe.block),
  ]);
  if (rawPixels)
    rows.push([`raw pixels (${rawPixels.size} x ${rawPixels.size})`, ...shares(rawPixels), String(rawPixels.l2)]);
  if (randomInit) rows.push([`random init (block ${randomInit.block})`, ...shares(randomInit), String(randomInit.l2)]);
  rows.push(["most frequent classes", ...shares(majorityClass)]);
  const header = ["features", "top-1", "top-5", "l2", ...(randomInit ? ["random init top-1"] : [])];
  const notes = [
    `best: ${best.block === 0 ? "the embeddings" : `block ${best.block}`}, ${formatPercent(best.top1)} top-1 ` +
      `on ${report.test.images} images`,
    ...(missing["rawPixels"] === undefined ? [] : [`raw pixels: ${missing["rawPixels"]}`]),
    ...unconverged(report),
  ];
  return `${textTable({ header, rows, align: ["left"] })}${notes.join("\n")}`;
}

/**
 * Writes probe.json, probe.svg and probe.png.
 * @throws FileError when the folder cannot be written to
 */
export async function writeReport(folder: string, report: ProbeReport): Promise<void> {
  const drawing = reportChart(report);
  await writeJson(path.join(folder, "probe.json"), report);
  await writeAtomically(path.join(folder, "probe.svg"), renderSvg(drawing));
  await writeAtomically(path.join(folder, "probe.png"), await renderPng(drawing));
}

/** @throws UsageError when `folder` is a file, or holds something and `force` is not set */
export async function expectFree(folder: string, force: boolean): Promise<void> {
  const inside = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new UsageError(`--out: ${folder}: ${error.code === "ENOTDIR" ? "a file, want a folder" : error.message}`);
  });
  if (inside.length > 0 && !force)
    throw new UsageError(`${folder} is not empty; --force replaces the probe in it, or name another folder`);
}

/** Accuracy in percent by block, and what it is to be held against as levels. */
function reportChart({ blocks, baselines, test, classes }: ProbeReport): Drawing {
  const { rawPixels, randomInit, majorityClass } = baselines;
  const series = (name: string, some: readonly BlockProbe[]) => ({
    name,
    x: some.map(({ block }) => block),
    y: some.map(({ top1 }) => 100 * top1),
  });
  const level = (name: string, accuracy: Accuracy | null) => (accuracy ? [{ name, y: 100 * accuracy.top1 }] : []);
  return lineChart({
    title: `Linear probe: top-1 on ${test.images} images of ${classes} classes`,
    xLabel: "block (0: embeddings)",
    yLabel: "top-1, %",
    series: [series("trained VIM", blocks), ...(randomInit ? [series("random init", randomInit.blocks)] : [])],
    references: [
      ...level("raw pixels", rawPixels),
      ...level("random init, best", randomInit),
      ...level("most frequent class", majorityClass),
    ],
  });
}

const shares = ({ top1, top5 }: Accuracy): string[] => [formatPercent(top1), formatPercent(top5)];

function unconverged({ blocks, baselines: { rawPixels, randomInit } }: ProbeReport): string[] {
  const fits = [...blocks, ...(randomInit?.blocks ?? []), ...(rawPixels ? [rawPixels] : [])];
  const open = fits.filter(({ converged }) => !converged).length;
  return open === 0 ? [] : [`${open} of ${fits.length} classifiers did not converge; a larger --l2 helps`];
}
