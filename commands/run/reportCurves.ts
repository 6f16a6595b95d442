/** The curves of training, from the metrics of a run of each stage. */
import type { MetricsRecord } from "../../lib/files/metricsFile.js";
import { multiChart } from "../../lib/ui/chart.js";
import type { Panel } from "../../lib/ui/chartPanel.js";
import type { Series } from "../../lib/ui/chartSeries.js";
import type { Drawing } from "../../lib/ui/drawing.js";
import { formatInteger } from "../../lib/ui/format.js";
import type { FoundRun } from "./reportSearch.js";
import { numberAt } from "./reportSummary.js";

/** A panel and the metrics it shows, each with its name in the legend. */
type Plan = Omit<Panel, "series"> & { readonly metrics: readonly (readonly [key: string, name: string])[] };

const STAGE_1: readonly Plan[] = [
  {
    title: "Stage 1: losses, unweighted but for the total",
    yScale: "log",
    metrics: [
      ["loss", "total"],
      ["l2", "l2"],
      ["l1", "l1"],
      ["perceptual", "perceptual"],
      ["logitLaplace", "logit-Laplace"],
      ["codebook", "codebook"],
      ["commitment", "commitment"],
      ["generator", "generator"],
      ["discriminator", "discriminator"],
      ["r1", "R1"],
    ],
  },
  { title: "Stage 1: PSNR of a few images", yLabel: "dB", metrics: [["psnr", ""]] },
  { title: "Stage 1: codebook usage while training", yLabel: "share of codes", metrics: [["usage", ""]] },
  { title: "Stage 1: learning rate", metrics: [["rate", ""]] },
];

const STAGE_2: readonly Plan[] = [
  {
    title: "Stage 2: negative log-likelihood",
    yLabel: "nats per code",
    metrics: [
      ["nll", "training"],
      ["valNll", "validation"],
    ],
  },
  { title: "Stage 2: bits per dimension", yLabel: "bits", metrics: [["bitsPerDimension", ""]] },
  { title: "Stage 2: gradient norm", metrics: [["gradientNorm", ""]] },
  { title: "Stage 2: learning rate", metrics: [["rate", ""]] },
];

/** Charts of the runs that are there, or undefined when they have no metrics yet. */
export function trainingCurves(runs: {
  tokenizer?: FoundRun | undefined;
  prior?: FoundRun | undefined;
}): Drawing | undefined {
  const panels = [...panelsOf(STAGE_1, runs.tokenizer), ...panelsOf(STAGE_2, runs.prior)];
  return panels.length > 0 ? multiChart({ panels, columns: Math.min(2, panels.length) }) : undefined;
}

function panelsOf(plans: readonly Plan[], run: FoundRun | undefined): Panel[] {
  if (!run) return [];
  return plans.flatMap(({ metrics, yScale, ...plan }): Panel[] => {
    const series = metrics.map(([key, name]) => seriesOf(run.metrics, key, name)).filter(({ x }) => x.length > 0);
    if (series.length === 0) return [];
    const positive = series.every(({ y }) => Array.from(y).every((value) => value > 0));
    const references = metrics.some(([key]) => key === "nll") ? uniform(run) : [];
    return [{ ...plan, xLabel: "step", series, references, ...(yScale && positive ? { yScale } : {}) }];
  });
}

/** The records that have the metric: pictures and scores are rarer than losses, and a line joins them. */
function seriesOf(records: readonly MetricsRecord[], key: string, name: string): Series {
  const points = records.flatMap((record) => {
    const value = numberAt(record, key);
    return value === null ? [] : [{ step: record.step, value }];
  });
  return { name, x: points.map(({ step }) => step), y: points.map(({ value }) => value) };
}

/** What guessing all codes alike costs. */
function uniform({ config }: FoundRun): { name: string; y: number }[] {
  const codes = numberAt(config, "model", "vocabulary");
  return codes === null ? [] : [{ name: `ln ${formatInteger(codes)}`, y: Math.log(codes) }];
}
