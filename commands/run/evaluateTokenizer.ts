/** `evaluate` of a tokenizer: every image to codes and back, one batch in memory at a time. */
import path from "node:path";
import { type ImageBatch, sequentialBatches } from "../../lib/data/batches.js";
import { openSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { openEngine } from "../../lib/engine/open.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { countCodebookUsage } from "../../lib/metrics/codebookUsage.js";
import { scoreReconstructions } from "../../lib/metrics/reconstructionScores.js";
import { tokenGrid, type VitVqganConfig } from "../../lib/models/vitVqgan.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { formatInteger, formatPercent, formatSignificant } from "../../lib/ui/format.js";
import { comparisonGrid } from "../../lib/ui/gridCompositions.js";
import { textTable } from "../../lib/ui/table.js";
import { toBytes } from "../support/images.js";
import { type LoadedModel, loadTokenizer } from "../support/models.js";
import { pictureLayout } from "../support/pictures.js";
import { openReporter } from "../support/reporter.js";
import { createSpread, type Spread } from "../support/spread.js";
import { version } from "../support/version.js";
import type { EvaluateContext } from "./evaluate.js";

/** An image [H, W, C] and what became of it, in bytes. */
type Pair = readonly [original: Uint8Array, reconstruction: Uint8Array];

export async function evaluateTokenizer(
  context: EvaluateContext,
  paths: { data: string; tokenizer: string },
): Promise<void> {
  const { config, dryRun, result } = context;
  const source = await openSource(paths.data, config.labels === undefined ? {} : { labels: config.labels });
  const tokenizer = await loadTokenizer(paths.tokenizer, { checkpoint: config.checkpoint });
  const images = Math.min(config.limit ?? source.count, source.count);
  if (dryRun) return result({ dryRun: true, images }, `would reconstruct ${formatInteger(images)} images`);
  const began = performance.now();
  const layout = pictureLayout(source.classNames?.length ?? 0);
  const spread = createSpread<Pair>(layout.shown);
  const { scores, usage, damaged } = await reconstructAll(context, { source, tokenizer, images, spread });
  const figures = {
    command: "evaluate",
    version: version(),
    data: path.resolve(paths.data),
    images: scores.images,
    damaged,
    imageSize: tokenizer.model.imageSize,
    channels: tokenizer.model.channels,
    resize: config.resize,
    psnr: finite(scores.psnr),
    psnrOfMeanMse: finite(scores.psnrOfMeanMse),
    exactImages: scores.exactImages,
    mae: scores.mae,
    mse: scores.mse,
    ssim: scores.ssim ?? null,
    usage: usage.setUsage,
    batchUsage: usage.batchUsage,
    batchImages: usage.batchImages,
    perplexity: usage.perplexity,
    codebookSize: tokenizer.model.codebookSize,
    tokensPerImage: tokensOf(tokenizer.model),
    tokenizer: tokenizer.hash,
    seconds: (performance.now() - began) / 1000,
  };
  if (config.out !== undefined) {
    const picture = pictureOf(spread, { model: tokenizer.model, columns: layout.columns });
    await writeAtomically(path.join(config.out, "reconstructions.png"), await encodePng(picture));
    await writeJson(path.join(config.out, "evaluation.json"), figures);
  }
  result(figures, summary(figures));
}

type Work = {
  source: Awaited<ReturnType<typeof openSource>>;
  tokenizer: LoadedModel<VitVqganConfig>;
  images: number;
  spread: Spread<Pair>;
};

async function reconstructAll(context: EvaluateContext, { source, tokenizer, images, spread }: Work) {
  const { config } = context;
  const { imageSize: size, channels, codebookSize } = tokenizer.model;
  const reporter = await openReporter(context);
  const closing: (() => Promise<void>)[] = [];
  try {
    for (const note of tokenizer.stored.notes) reporter.warn(note);
    const engine = await openEngine(config.engine, config.threads === undefined ? {} : { threads: config.threads });
    const codec = { engine, ...tokenizer, batchSize: Math.min(config.batchSize, images) };
    const encoder = await createEncoder(codec);
    closing.push(encoder.close);
    const decoder = await createDecoder(codec);
    closing.push(decoder.close);
    const batches = sequentialBatches({
      source,
      view: { size, channels },
      place: () => centredView({ size, channels }, config.resize),
      batchSize: codec.batchSize,
      limit: images,
      strict: config.strict,
      onDamaged: (name, reason) => reporter.warn(`${name}: left out: ${reason}`),
    });
    const bar = reporter.bar({ total: images, unit: "images", label: "reconstructing" });
    const scorer = scoreReconstructions();
    const usage = countCodebookUsage({ codebookSize });
    let done = 0;
    for await (const batch of batches) {
      const count = batch.labels.length;
      const codes = await encoder.encode(batch.images);
      const reconstructions = await decoder.decode(codes);
      usage.add(codes, count);
      scorer.add({ originals: batch.images, reconstructions, shape: [count, size, size, channels] });
      offerPairs(spread, batch, reconstructions);
      done += count;
      bar.update(done);
    }
    bar.stop();
    return { scores: scorer.result(), usage: usage.result(), damaged: batches.damaged.length };
  } finally {
    for (const close of closing) await close();
    reporter.stop();
  }
}

function offerPairs(spread: Spread<Pair>, { images, labels }: ImageBatch, reconstructions: Float32Array): void {
  const each = images.length / labels.length;
  const bytes = (all: Float32Array, i: number) => toBytes(all.subarray(i * each, (i + 1) * each));
  for (const [i, label] of labels.entries()) spread.offer(label, () => [bytes(images, i), bytes(reconstructions, i)]);
}

function pictureOf(spread: Spread<Pair>, { model, columns }: { model: VitVqganConfig; columns: number }) {
  const pairs = spread.items().map(({ item }) => item);
  return comparisonGrid({
    originals: new Uint8Array(Buffer.concat(pairs.map(([original]) => original))),
    reconstructions: new Uint8Array(Buffer.concat(pairs.map(([, reconstruction]) => reconstruction))),
    size: { height: model.imageSize, width: model.imageSize, channels: model.channels },
    columns,
  });
}

function tokensOf(model: VitVqganConfig): number {
  const [rows, columns] = tokenGrid(model);
  return rows * columns;
}

/** JSON has no infinity: a PSNR of images that are all exact becomes null, and `exactImages` says why. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

type Figures = {
  images: number;
  damaged: number;
  psnr: number | null;
  psnrOfMeanMse: number | null;
  mae: number;
  mse: number;
  ssim: number | null;
  usage: number;
  batchUsage: number;
  batchImages: number;
  perplexity: number;
  codebookSize: number;
  tokensPerImage: number;
};

function summary(of: Figures): string {
  const dB = (value: number | null) => (value === null ? "infinite" : `${value.toFixed(2)} dB`);
  const damaged = of.damaged > 0 ? `, ${formatInteger(of.damaged)} damaged left out` : "";
  return textTable({
    rows: [
      ["images", `${formatInteger(of.images)} of ${of.tokensPerImage} codes${damaged}`],
      ["PSNR", `${dB(of.psnr)} (of the mean squared error: ${dB(of.psnrOfMeanMse)})`],
      ["SSIM", of.ssim === null ? "images are too small" : of.ssim.toFixed(4)],
      ["MAE, MSE", `${formatSignificant(of.mae)}, ${formatSignificant(of.mse)}`],
      ["codebook usage", `${formatPercent(of.usage)} of ${formatInteger(of.codebookSize)} codes`],
      [`in ${of.batchImages} images`, formatPercent(of.batchUsage)],
      ["perplexity", of.perplexity.toFixed(1)],
    ],
    align: ["left", "left"],
  });
}
