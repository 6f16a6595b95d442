/** `evaluate` of a tokenizer: every image to codes and back, one batch in memory at a time. */
import path from "node:path";
import { type ImageBatch, type SequentialBatches, sequentialBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { countCodebookUsage } from "../../lib/metrics/codebookUsage.js";
import type { ImagePair } from "../../lib/metrics/imagePair.js";
import { scoreReconstructions } from "../../lib/metrics/reconstructionScores.js";
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { createAutoencoder } from "../../lib/sample/codec.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { formatInteger } from "../../lib/ui/format.js";
import { comparisonGrid } from "../../lib/ui/gridCompositions.js";
import type { Reporter } from "../../lib/ui/progress.js";
import { engineOf } from "../support/engine.js";
import { toBytes } from "../support/images.js";
import { tellAndKeep } from "../support/keptResult.js";
import { type LoadedModel, loadTokenizer } from "../support/models.js";
import { openImages } from "../support/openImages.js";
import { pictureLayout } from "../support/pictures.js";
import { openReporter } from "../support/reporter.js";
import { createSpread, type Spread } from "../support/spread.js";
import { leftOut } from "./damagedImages.js";
import type { EvaluateContext } from "./evaluate.js";
import { compareFeatures, compareLocally, type FeatureScores } from "./evaluateFeatures.js";
import { figuresOf } from "./evaluateFigures.js";
import {
  type Judges,
  openExtractor,
  openFeaturizer,
  openLpips,
  originOf,
  readJudges,
  type Sight,
} from "./evaluateJudges.js";
import { type Originals, writeOriginals } from "./evaluateStatistics.js";
import { summary } from "./evaluateSummary.js";
import { caution } from "./fewImages.js";

/** An image [H, W, C] and what became of it, in bytes. */
type Pair = readonly [original: Uint8Array, reconstruction: Uint8Array];

export async function evaluateTokenizer(
  context: EvaluateContext,
  paths: { data: string; tokenizer: string },
): Promise<void> {
  const { config, dryRun, result, warn } = context;
  const source = await openImages(paths.data, { labels: config.labels, warn });
  const tokenizer = await loadTokenizer(paths.tokenizer, { checkpoint: config.checkpoint, warn });
  const { imageSize, channels } = tokenizer.model;
  const images = Math.min(config.limit ?? source.count, source.count);
  const originals = { data: path.resolve(paths.data), images, imageSize, channels, resize: config.resize };
  const judges = await readJudges(config, originals);
  if (dryRun) return result({ dryRun: true, images }, `would reconstruct ${formatInteger(images)} images`);
  const began = performance.now();
  const layout = pictureLayout(source.classNames?.length ?? 0);
  const spread = createSpread<Pair>(layout.shown);
  const measured = await measure(context, { source, tokenizer, originals, judges, spread });
  const seconds = (performance.now() - began) / 1000;
  const figures = figuresOf(measured, { originals, tokenizer, judges, seconds });
  await tellAndKeep(context, { figures, text: summary(figures) }, async () => {
    await keepStatistics(judges, originals, measured.features);
    if (config.out === undefined) return;
    const picture = pictureOf(spread, { model: tokenizer.model, columns: layout.columns });
    await writeAtomically(path.join(config.out, "reconstructions.png"), await encodePng(picture));
    await writeJson(path.join(config.out, "evaluation.json"), figures);
  });
}

type Work = {
  source: ImageSource;
  tokenizer: LoadedModel<TokenizerConfig>;
  originals: Originals;
  judges: Judges;
  spread: Spread<Pair>;
};

async function measure(context: EvaluateContext, work: Work) {
  const { source, tokenizer, originals, spread } = work;
  const { config } = context;
  const { imageSize: size, channels, codebookSize } = tokenizer.model;
  const reporter = await openReporter(context);
  const opened: Closable[] = [];
  try {
    const engine = await engineOf(config);
    const batchSize = evenBatch(originals.images, config.batchSize);
    const instruments = await openInstruments(work, { engine, originals, batchSize }, opened);
    const { autoencoder, lpips, comparison, locally } = instruments;
    const scorer = scoreReconstructions();
    const usage = countCodebookUsage({ codebookSize });
    const batches = batchesOf(context, source, { originals, batchSize, reporter });
    const bar = reporter.bar({ total: originals.images, unit: "images", label: "reconstructing" });
    let done = 0;
    for await (const batch of batches) {
      const count = batch.labels.length;
      const { reconstructions, codes, logitLaplace } = await autoencoder.autoencode(batch.images);
      const pair: ImagePair = { originals: batch.images, reconstructions, shape: [count, size, size, channels] };
      usage.add(codes, count);
      scorer.add(pair, { logitLaplace, lpips: await lpips?.measure(pair) });
      await comparison?.add(pair);
      await locally?.add(pair);
      offerPairs(spread, batch, reconstructions);
      done += count;
      bar.update(done);
    }
    bar.stop();
    if (comparison) reporter.info("comparing what Inception saw");
    const features = comparison?.result();
    const local = locally?.result();
    warnOfFew(reporter, "rFID", features && [features.images, INCEPTION_FEATURES]);
    warnOfFew(reporter, "Fréchet distance", local && [local.images, local.dim]);
    return { scores: scorer.result(), usage: usage.result(), features, local, damaged: batches.damaged.length };
  } finally {
    for (const one of opened) await one.close();
    reporter.stop();
  }
}

type Closable = { close(): Promise<void> };

/** Compiles what every batch goes through, and notes in `opened` what is to be closed. */
async function openInstruments({ tokenizer, judges }: Work, sight: Sight, opened: Closable[]) {
  const noted = <T extends Closable>(one: T): T => {
    opened.push(one);
    return one;
  };
  const autoencoder = noted(await createAutoencoder({ ...sight, ...tokenizer }));
  const lpips = judges.lpips && noted(await openLpips(judges.lpips, sight));
  const extractor = judges.inception && noted(await openExtractor(judges.inception, sight));
  const comparison = extractor && compareFeatures({ extractor, stored: judges.inception?.stored });
  const featurizer = judges.local && noted(await openFeaturizer(judges.local, sight));
  return { autoencoder, lpips, comparison, locally: featurizer && compareLocally(featurizer) };
}

function warnOfFew(reporter: Reporter, score: string, counts: readonly [images: number, features: number] | undefined) {
  const sentence = counts && caution(...counts);
  if (sentence !== undefined) reporter.warn(`${score}: ${sentence}`);
}

type Reading = { originals: Originals; batchSize: number; reporter: Reporter };

function batchesOf(
  { config }: EvaluateContext,
  source: ImageSource,
  { originals, batchSize, reporter }: Reading,
): SequentialBatches {
  const view = { size: originals.imageSize, channels: originals.channels };
  return sequentialBatches({
    source,
    view,
    place: () => centredView(view, config.resize),
    batchSize,
    limit: originals.images,
    strict: config.strict,
    onDamaged: leftOut((warning) => reporter.warn(warning)),
  });
}

async function keepStatistics(
  { inception }: Judges,
  originals: Originals,
  features: FeatureScores | undefined,
): Promise<void> {
  if (inception?.statistics === undefined || inception.stored || !features) return;
  await writeOriginals(inception.statistics, originOf(inception), { originals, features: features.originals });
}

function offerPairs(spread: Spread<Pair>, { images, labels }: ImageBatch, reconstructions: Float32Array): void {
  const each = images.length / labels.length;
  const bytes = (all: Float32Array, i: number) => toBytes(all.subarray(i * each, (i + 1) * each));
  for (const [i, label] of labels.entries()) spread.offer(label, () => [bytes(images, i), bytes(reconstructions, i)]);
}

const AMPLIFY = 4; // an error of a quarter of the range is full white: most are far below

/** Originals, reconstructions, and the absolute differences of the two, four times as large as they are. */
function pictureOf(spread: Spread<Pair>, { model, columns }: { model: TokenizerConfig; columns: number }) {
  const pairs = spread.items().map(({ item }) => item);
  return comparisonGrid({
    originals: new Uint8Array(Buffer.concat(pairs.map(([original]) => original))),
    reconstructions: new Uint8Array(Buffer.concat(pairs.map(([, reconstruction]) => reconstruction))),
    size: { height: model.imageSize, width: model.imageSize, channels: model.channels },
    columns,
    difference: true,
    amplify: AMPLIFY,
  });
}
