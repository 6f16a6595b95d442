/** The figures of a tokenizer's evaluation as people read them: a line each, with protocol, counts and hashes. */
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import { formatInteger, formatPercent, formatSignificant } from "../../lib/ui/format.js";
import { textTable } from "../../lib/ui/table.js";
import type { FileIdentity } from "../support/fileIdentity.js";
import type { Figures } from "./evaluateFigures.js";
import { caution } from "./fewImages.js";

type Row = readonly [metric: string, value: string, protocol: string];

export function summary(of: Figures): string {
  const rows = [...setRows(of), ...pixelRows(of), ...usageRows(of), ...inceptionRows(of), ...localRows(of)];
  return textTable({ rows, align: ["left", "left", "left"] });
}

function setRows(of: Figures): Row[] {
  const damaged = of.damaged > 0 ? `, ${formatInteger(of.damaged)} damaged left out` : "";
  const size = `${of.imageSize} x ${of.imageSize} x ${of.channels}, ${of.resize}`;
  return [
    ["images", formatInteger(of.images), `of ${of.tokensPerImage} codes${damaged}; ${size}`],
    ["tokenizer", short(of.tokenizer), "begins the SHA-256 of its weights"],
  ];
}

function pixelRows(of: Figures): Row[] {
  const images = `${formatInteger(of.images)} images`;
  const { logitLaplace, lpips } = of.protocol;
  const rows: Row[] = [
    ["PSNR", dB(of.psnr), `mean of ${images}, pixels in [0, 1]; of their mean squared error: ${dB(of.psnrOfMeanMse)}`],
    ["SSIM", ...ssimCells(of.ssim, images)],
    ["MAE, MSE", `${formatSignificant(of.mae)}, ${formatSignificant(of.mse)}`, `of ${images}, pixels in [0, 1]`],
  ];
  if (logitLaplace && of.logitLaplace !== null)
    rows.push([
      "logit-laplace",
      `${formatSignificant(of.logitLaplace)} nats`,
      `a value, under the decoder's density (epsilon ${logitLaplace.epsilon}); mean of ${images}`,
    ]);
  if (lpips && of.lpips !== null)
    rows.push([
      "LPIPS",
      of.lpips.toFixed(4),
      `version ${lpips.version} on ${named(lpips.backbone, lpips.vgg)}, ` +
        `${named("channels", lpips.calibration)}; mean of ${images}`,
    ]);
  return rows;
}

function ssimCells(ssim: number | null, images: string): readonly [value: string, protocol: string] {
  if (ssim === null) return ["-", "images are too small for its window of 11x11"];
  return [ssim.toFixed(4), `window 11x11, Gaussian of sigma 1.5; mean of ${images}`];
}

function usageRows(of: Figures): Row[] {
  const { batchImages, batches, imagesLeftOut } = of.protocol.usage;
  const codes = `of ${formatInteger(of.codebookSize)} codes`;
  const left = imagesLeftOut > 0 ? `, ${imagesLeftOut} images left out` : "";
  return [
    ["codebook usage", formatPercent(of.usage), `${codes}, over the whole set`],
    [
      `in ${batchImages} images`,
      formatPercent(of.batchUsage),
      `${codes}, mean of ${counted(batches, "batch", "batches")}${left}`,
    ],
    ["perplexity", of.perplexity.toFixed(1), `of 1 to ${formatInteger(of.codebookSize)}, over the whole set`],
  ];
}

function inceptionRows(of: Figures): Row[] {
  const { inception } = of.protocol;
  const { rfid, inceptionScore, originalsInceptionScore } = of;
  if (!inception || rfid === null || !inceptionScore || !originalsInceptionScore) return [];
  const network = `${named("Inception", inception)}, ${inception.resize}, pixels ${inception.pixels}`;
  const kept = inception.statistics?.read ? ` out of ${inception.statistics.file}` : "";
  const reconstructions = `${formatInteger(inception.reconstructions)} reconstructions`;
  const originals = `${formatInteger(inception.originals)} originals${kept}`;
  const score = (metric: string, { mean, std, splits }: Score, images: string): Row => [
    metric,
    `${mean.toFixed(2)} +- ${std.toFixed(2)}`,
    `${counted(splits, "split", "splits")} of ${images}; ${network}`,
  ];
  return [
    [
      "rFID",
      formatSignificant(rfid),
      [`${reconstructions}, ${originals}`, network, ...cautions(inception.reconstructions, INCEPTION_FEATURES)].join(
        "; ",
      ),
    ],
    score("IS", inceptionScore, reconstructions),
    score("IS of originals", originalsInceptionScore, originals),
  ];
}

type Score = NonNullable<Figures["inceptionScore"]>;

function localRows({ localFrechet, protocol: { local } }: Figures): Row[] {
  if (!local || localFrechet === null) return [];
  const notes = [
    `on features of ${local.run} (${short(local.tokenizer)}; not comparable to published FID)`,
    `${local.features}, ${local.dim} wide`,
    `${formatInteger(local.reconstructions)} reconstructions, as many originals`,
    ...(local.judgesItself ? ["the tokenizer judges itself"] : []),
    ...cautions(local.reconstructions, local.dim),
  ];
  return [["Fréchet distance", formatSignificant(localFrechet), notes.join("; ")]];
}

function cautions(images: number, features: number): string[] {
  const sentence = caution(images, features);
  return sentence === undefined ? [] : [sentence];
}

const dB = (value: number | null): string => (value === null ? "infinite" : `${value.toFixed(2)} dB`);

const counted = (count: number, one: string, several: string): string =>
  `${formatInteger(count)} ${count === 1 ? one : several}`;

const short = (hash: string): string => hash.slice(0, 12);

/** "VGG-16 (vgg16.pth, 397923af1234, the published file)" */
function named(what: string, { file, sha256, known }: FileIdentity): string {
  return `${what} (${file}, ${short(sha256)}, ${known ? "the published file" : "not the published file"})`;
}
