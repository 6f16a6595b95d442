/** The summary as a few aligned lines. */
import { formatDuration, formatInteger, formatPercent, formatSignificant } from "../../lib/ui/format.js";
import { textTable } from "../../lib/ui/table.js";
import { numberAt, type StageSummary, type Summary } from "./reportSummary.js";

/** One line a fact; what was not found has no line. */
export function summaryText(summary: Summary): string {
  const rows = [
    ...stage(summary.stage1, "stage 1", [
      ["loss", "loss"],
      ["psnr", "PSNR"],
    ]),
    ...stage(summary.stage2, "stage 2", [
      ["nll", "nll"],
      ["valNll", "validation"],
      ["bitsPerDimension", "bits/dim"],
    ]),
    ...reconstruction(summary),
    ...codebook(summary),
    ...likelihood(summary),
    ...samples(summary),
    ...probe(summary),
    ...(summary.seconds.total === null ? [] : [["time known", formatDuration(summary.seconds.total)]]),
  ];
  return textTable({ rows, align: ["left", "left"] });
}

type Rows = [string, string][];

function stage(of: StageSummary | null, name: string, metrics: readonly (readonly [string, string])[]): Rows {
  if (!of) return [];
  const values = metrics.flatMap(([key, word]) => {
    const value = numberAt(of, key);
    return value === null ? [] : [`${word} ${formatSignificant(value)}`];
  });
  const done = of.step === null ? "no step recorded" : `${formatInteger(of.step)} steps`;
  const time = of.seconds === null ? "" : ` in ${formatDuration(of.seconds)}`;
  const waiting = of.dataWait === null ? [] : [`waiting for data ${formatPercent(of.dataWait)}`];
  const unfinished = of.finished ? [] : ["not finished"];
  return [[name, [`${of.run}: ${done}${time}`, ...unfinished, ...values, ...waiting].join(", ")]];
}

function reconstruction(summary: Summary): Rows {
  const { psnr, psnrOfMeanMse, ssim, lpips, rfid, inceptionScore, localReconstructionFrechet, evaluatedImages } =
    summary;
  if (evaluatedImages === null) return [];
  const parts = [
    psnr === null ? "PSNR infinite" : `PSNR ${psnr.toFixed(2)} dB`,
    ...(psnrOfMeanMse === null ? [] : [`${psnrOfMeanMse.toFixed(2)} dB of the mean squared error`]),
    ...(ssim === null ? [] : [`SSIM ${ssim.toFixed(4)}`]),
    ...(lpips === null ? [] : [`LPIPS ${lpips.toFixed(4)}`]),
    ...(rfid === null ? [] : [`rFID ${rfid.toFixed(2)}`]),
    ...(inceptionScore === null ? [] : [`Inception Score ${inceptionScore.toFixed(2)}`]),
    ...distance(LOCAL, localReconstructionFrechet, null),
  ];
  return [["reconstruction", `${parts.join(", ")}; ${formatInteger(evaluatedImages)} images`]];
}

function codebook({ usage, batchUsage, perplexity, codebookSize }: Summary): Rows {
  if (usage === null) return [];
  const parts = [
    `usage ${formatPercent(usage)}${codebookSize === null ? "" : ` of ${formatInteger(codebookSize)} codes`}`,
    ...(batchUsage === null ? [] : [`${formatPercent(batchUsage)} in a batch`]),
    ...(perplexity === null ? [] : [`perplexity ${perplexity.toFixed(1)}`]),
  ];
  return [["codebook", parts.join(", ")]];
}

function likelihood({ likelihood: of }: Summary): Rows {
  if (of?.nll == null) return [];
  const { nll, nllWithoutClass, unigramEntropy, top1, rows } = of;
  const without =
    nllWithoutClass === null || nllWithoutClass === nll ? "" : ` (${nllWithoutClass.toFixed(3)} without class)`;
  const parts = [
    `NLL of test codes ${nll.toFixed(3)} nats${without}`,
    ...(unigramEntropy === null ? [] : [`unigram entropy ${unigramEntropy.toFixed(3)}`]),
    ...(top1 === null ? [] : [`top-1 ${formatPercent(top1)}`]),
  ];
  return [["prediction", `${parts.join(", ")}${rows === null ? "" : `; ${formatInteger(rows)} rows`}`]];
}

function samples(of: Summary): Rows {
  const { nearestClassShare, realNearestClassShare, sampleImages, copies, meanDistance, realMeanDistance } = of;
  if (sampleImages === null) return [];
  const parts = [`${formatInteger(sampleImages)} images`];
  if (nearestClassShare !== null) {
    const real = realNearestClassShare === null ? "" : ` (real images ${formatPercent(realNearestClassShare)})`;
    parts.push(`nearest training image of their class ${formatPercent(nearestClassShare)}${real}`);
  }
  const rows: Rows = [["samples", parts.join(", ")]];
  if (meanDistance !== null) {
    const real = realMeanDistance === null ? "" : ` (real images ${formatSignificant(realMeanDistance, 3)})`;
    const counted = copies === null ? "" : `, ${formatInteger(copies)} copies`;
    rows.push(["", `mean distance to it ${formatSignificant(meanDistance, 3)}${real}${counted}`]);
  }
  return [...rows, ...judged(of)];
}

const LOCAL = "Fréchet distance on local features (not comparable to published FID)";

/** A line for Inception and one for a local tokenizer, where they judged samples. */
function judged(of: Summary): Rows {
  const score = of.sampleInceptionScore;
  const lines = [
    [
      ...distance("gFID", of.gfid, of.realGfid),
      ...(score === null ? [] : [`Inception Score ${score.toFixed(2)}`]),
      ...neighbourhoods(of.precision, of.recall, of.density, of.coverage),
    ],
    [
      ...distance(LOCAL, of.localFrechet, of.realLocalFrechet),
      ...neighbourhoods(of.localPrecision, of.localRecall, of.localDensity, of.localCoverage),
    ],
  ];
  return lines.filter((parts) => parts.length > 0).map((parts) => ["", parts.join(", ")]);
}

function distance(name: string, value: number | null, real: number | null): string[] {
  if (value === null) return [];
  return [`${name} ${formatSignificant(value)}${real === null ? "" : ` (real images ${formatSignificant(real)})`}`];
}

function neighbourhoods(...values: readonly (number | null)[]): string[] {
  const names = ["precision", "recall", "density", "coverage"];
  return values.flatMap((value, i) => (value === null ? [] : [`${names[i]} ${value.toFixed(3)}`]));
}

function probe({ probe: of }: Summary): Rows {
  if (of?.best.top1 == null) return [];
  const against = [
    ["raw pixels", of.rawPixels],
    ["stage-1 encoder", of.stage1],
    ["random init", of.randomInit],
    ["most frequent class", of.majorityClass],
  ] as const;
  const known = against.flatMap(([name, value]) => (value === null ? [] : [`${name} ${formatPercent(value)}`]));
  const block = of.best.block === null ? "" : ` at block ${of.best.block}`;
  return [["probe", [`top-1 ${formatPercent(of.best.top1)}${block}`, ...known].join(", ")]];
}
