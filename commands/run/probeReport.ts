/** What `probe` found, as JSON, as a chart and as a matrix of confusions. */
import path from "node:path";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { type Accuracy, type ClassAccuracy, classAccuracies } from "../../lib/probe/judge.js";
import type { BlockProbe } from "../../lib/probe/sweep.js";
import { lineChart } from "../../lib/ui/chart.js";
import { type Drawing, renderPng, renderSvg } from "../../lib/ui/drawing.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import { matrixChart } from "../../lib/ui/matrixChart.js";
import type { PixelBaseline } from "./probePixels.js";
import type { Stage1Baseline } from "./probeStage1.js";

type Images = {
  readonly file: string;
  readonly images: number;
  /** Rows of codes that were used of each. */
  readonly views: number;
};

/** All accuracies are shares of the test images, 0..1; blocks count from 1, 0 being the embeddings before the first. */
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
  /** The block with the highest top-1, the first of equals; of its classifier are the next two. */
  readonly best: BlockProbe;
  readonly perClass: readonly (ClassAccuracy & { readonly name: string })[];
  /** Test images of class `row` that were taken for class `column`. */
  readonly confusion: readonly (readonly number[])[];
  /** What the figures are to be held against; null where one could not be had or was not wanted. */
  readonly baselines: {
    readonly rawPixels: PixelBaseline | null;
    /** The encoder of the tokenizer. */
    readonly stage1: Stage1Baseline | null;
    /** The best block of the same VIM with random weights, and all of them. */
    readonly randomInit: (BlockProbe & { readonly blocks: readonly BlockProbe[] }) | null;
    /** Always naming the most frequent training classes. */
    readonly majorityClass: Accuracy;
  };
  /** Why a baseline is null. */
  readonly missing: Readonly<Record<string, string>>;
  readonly seconds: number;
};

/** A classifier's confusions, [C * C], as a report has them. */
export function confusionOf(
  counts: Uint32Array,
  names: readonly string[],
): Pick<ProbeReport, "perClass" | "confusion"> {
  const C = names.length;
  return {
    perClass: classAccuracies(counts).map((one, c) => ({ name: names[c]!, ...one })),
    confusion: names.map((_, row) => [...counts.subarray(row * C, (row + 1) * C)]),
  };
}

/**
 * Writes probe.json, and probe and confusion as SVG and PNG.
 * @throws FileError when the folder cannot be written to
 */
export async function writeReport(folder: string, report: ProbeReport): Promise<void> {
  await writeJson(path.join(folder, "probe.json"), report);
  for (const [name, drawing] of [
    ["probe", reportChart(report)],
    ["confusion", confusionChart(report)],
  ] as const) {
    await writeAtomically(path.join(folder, `${name}.svg`), renderSvg(drawing));
    await writeAtomically(path.join(folder, `${name}.png`), await renderPng(drawing));
  }
}

/** Accuracy in percent by block, and what it is to be held against as levels. */
function reportChart({ blocks, baselines, test, classes }: ProbeReport): Drawing {
  const { rawPixels, stage1, randomInit, majorityClass } = baselines;
  const series = (name: string, some: readonly (Accuracy & { readonly block: number })[]) => ({
    name,
    x: some.map(({ block }) => block),
    y: some.map(({ top1 }) => 100 * top1),
  });
  const parts = (blocks[0]?.fractions ?? []).map(({ fraction }, i) => {
    const fits = blocks.flatMap(({ block, fractions }) => (fractions?.[i] ? [{ ...fractions[i], block }] : []));
    return series(`trained VIM, ${shareOf(fraction)} of labels`, fits);
  });
  const level = (name: string, accuracy: Accuracy | null) => (accuracy ? [{ name, y: 100 * accuracy.top1 }] : []);
  return lineChart({
    title: `Linear probe: top-1 on ${formatInteger(test.images)} images of ${classes} classes`,
    xLabel: "block (0: embeddings)",
    yLabel: "top-1, %",
    series: [
      series("trained VIM", blocks),
      ...(randomInit ? [series("random init", randomInit.blocks)] : []),
      ...parts.reverse(),
    ],
    references: [
      ...level("raw pixels", rawPixels),
      ...level("stage-1 encoder", stage1),
      ...level("random init, best", randomInit),
      ...level("most frequent class", majorityClass),
    ],
  });
}

/** What the best block's classifier takes for what, in percent of the images of each class. */
function confusionChart({ best, test, perClass, confusion }: ProbeReport): Drawing {
  return matrixChart({
    title: `What block ${best.block} takes for what: ${formatInteger(test.images)} images, ${formatPercent(best.top1)} right`,
    rowTitle: "class",
    columnTitle: "taken for",
    names: perClass.map(({ name }) => name),
    shares: confusion.map((row, c) => row.map((count) => count / Math.max(1, perClass[c]!.images))),
  });
}

/** 0.01 as "1%" */
export const shareOf = (fraction: number): string => `${Number((100 * fraction).toPrecision(3))}%`;
