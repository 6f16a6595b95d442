/** What `probe` found, as a table: a row a block, then the baselines, then what is worth a sentence. */
import type { LinearProbe } from "../../lib/probe/linearProbe.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import { type Cell, textTable } from "../../lib/ui/table.js";
import { type ProbeReport, shareOf } from "./probeReport.js";

/** The whole of it, for stdout. */
export function reportText(report: ProbeReport): string {
  const { blocks, best, baselines, missing, test } = report;
  const { rawPixels, stage1, randomInit, majorityClass } = baselines;
  const random = (at: number): Cell[] => {
    const same = randomInit?.blocks.find(({ block }) => block === at);
    return same ? [formatPercent(same.top1)] : [];
  };
  const rows: Cell[][] = blocks.map((probe) => [
    probe.block === 0 ? "embeddings (block 0)" : `block ${probe.block}`,
    ...cells(probe),
    ...random(probe.block),
  ]);
  if (rawPixels) rows.push([`raw pixels (${rawPixels.size} x ${rawPixels.size})`, ...cells(rawPixels)]);
  if (stage1) rows.push([`stage-1 encoder (${stage1.features} features)`, ...cells(stage1)]);
  if (randomInit) rows.push([`random init (block ${randomInit.block})`, ...cells(randomInit)]);
  rows.push(["most frequent classes", formatPercent(majorityClass.top1), formatPercent(majorityClass.top5)]);
  const parts = (best.fractions ?? []).map(({ fraction }) => `top-1, ${shareOf(fraction)} of labels`);
  const header = ["features", "top-1", "top-5", "l2", ...parts, ...(randomInit ? ["random init top-1"] : [])];
  const why = (name: string, reason: string | undefined) => (reason === undefined ? [] : [`${name}: ${reason}`]);
  const chosen = blocks.length > 1 ? `, the most of ${blocks.length} blocks on these very images` : "";
  const notes = [
    `best: ${best.block === 0 ? "the embeddings" : `block ${best.block}`}, ${formatPercent(best.top1)} top-1 ` +
      `on ${formatInteger(test.images)} images${chosen}`,
    ...confusions(report),
    ...why("raw pixels", missing["rawPixels"]),
    ...why("stage-1 encoder", missing["stage1"]),
    ...unconverged(report),
  ];
  return `${textTable({ header, rows, align: ["left"] })}${notes.join("\n")}`;
}

const cells = ({ top1, top5, l2, fractions = [] }: LinearProbe): string[] => [
  formatPercent(top1),
  formatPercent(top5),
  String(l2),
  ...fractions.map((part) => formatPercent(part.top1)),
];

const SHOWN = 3;

/** The classes that are told worst, and what they are mostly taken for. */
function confusions({ perClass, confusion }: ProbeReport): string[] {
  const told = perClass.flatMap((one, c) => (one.top1 === null ? [] : [{ ...one, top1: one.top1, c }]));
  const worst = told.filter(({ top1 }) => top1 < 1).sort((a, b) => a.top1 - b.top1);
  const words = worst.slice(0, SHOWN).map(({ name, top1, c, images }) => {
    const others = confusion[c]!.map((count, other) => (other === c ? 0 : count));
    const most = others.indexOf(Math.max(...others));
    return `${name} ${formatPercent(top1)} (taken for ${perClass[most]!.name} ${formatPercent(others[most]! / images)})`;
  });
  return words.length === 0 ? [] : [`told worst: ${words.join(", ")}`];
}

function unconverged({ blocks, baselines: { rawPixels, stage1, randomInit } }: ProbeReport): string[] {
  const probes = [...blocks, ...(randomInit?.blocks ?? []), ...[rawPixels, stage1].filter((one) => one !== null)];
  const fits = probes.flatMap((probe) => [probe, ...(probe.fractions ?? [])]);
  const open = fits.filter(({ converged }) => !converged).length;
  return open === 0 ? [] : [`${open} of ${fits.length} classifiers did not converge; a larger --l2 helps`];
}
