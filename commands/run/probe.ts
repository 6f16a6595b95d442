/** The work of `probe`: a VIM and two token files in, accuracy by block and of the baselines out, and a classifier. */
import path from "node:path";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { writeClassifier } from "../../lib/probe/classifierFile.js";
import { majorityAccuracy } from "../../lib/probe/linearProbe.js";
import { type Sweep, sweepBlocks } from "../../lib/probe/sweep.js";
import { formatBytes, formatInteger } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options, ProbeConfig } from "../probe.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { tellAndKeep } from "../support/keptResult.js";
import { lacksClassless, loadVim } from "../support/models.js";
import { expectFilePlace, expectFolderPlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { resizeOf } from "./probeImages.js";
import { pixelBaseline } from "./probePixels.js";
import { confusionOf, type ProbeReport, writeReport } from "./probeReport.js";
import { stage1Baseline, tokenizerRun } from "./probeStage1.js";
import { reportText } from "./probeText.js";
import { classNamesOf, expectModel, type LabelledPair, type LabelledTokens, labelledPair } from "./probeTokens.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { force, warn } = context;
  const config = { ...context.config, fractions: fractionsOf(context.config.fractions) };
  const save = config.save ?? (config.out === undefined ? undefined : path.join(config.out, "classifier.safetensors"));
  await expectFolderPlace("--out", config.out, { force, what: "the probe in it" });
  await expectFilePlace("--save", config.save, { force });
  const vim = await loadVim(config.vim, { checkpoint: config.checkpoint, warn });
  const blocks = blocksToProbe(config.blocks, vim.model.depth);
  const train = await openTokenFile(config.train);
  const test = await openTokenFile(config.test);
  const reporter = await openReporter(context);
  try {
    if (lacksClassless(vim))
      reporter.warn(
        "the VIM reads the images without a class, which it never saw: it was trained with --class-dropout 0; features of one " +
          "trained with some may tell more",
      );
    for (const tokens of [train, test]) expectModel(tokens, vim);
    const first = { train: config.trainViews === "first", test: config.testViews === "first" };
    const pair = labelledPair(train, test, first);
    if (path.resolve(config.train) === path.resolve(config.test))
      reporter.warn(`${config.test} is both --train and --test: accuracy on rows that were fitted says little`);
    if (context.dryRun) return describeOnly(context, { config, vim, pair, blocks });
    const engine = await engineOf(config);
    const work = { config, vim, pair, blocks, engine, reporter };
    const { report, best } = await measure(work);
    const places = { ...(config.out === undefined ? {} : { out: config.out }), ...(save ? { classifier: save } : {}) };
    await tellAndKeep(context, { figures: report, text: reportText(report), places }, async () => {
      if (config.out !== undefined) await writeReport(config.out, report);
      if (save !== undefined) await saveClassifier(save, work, best);
    });
  } finally {
    reporter.stop();
    await train.close();
    await test.close();
  }
}

type Plan = {
  readonly config: ProbeConfig;
  readonly vim: Awaited<ReturnType<typeof loadVim>>;
  readonly pair: LabelledPair;
  readonly blocks: readonly number[];
};

type Work = Plan & { readonly engine: Engine; readonly reporter: Reporter };

type Best = Sweep["best"];

/** The quick baselines first: they fail early where the images are not what they should be. */
async function measure(work: Work): Promise<{ report: ProbeReport; best: Best }> {
  const { config, vim, pair, engine, reporter } = work;
  const { train, test, classes } = pair;
  const began = performance.now();
  reporter.info(
    `probe: ${work.blocks.length} blocks of ${vim.model.dim} features, ${formatInteger(train.images)} images ` +
      `to fit and ${formatInteger(test.images)} to judge, ${classes} classes, engine ${engine.name} on ${engine.device}`,
  );
  const pixels = await pixelBaseline(work);
  const stage1 = await stage1Baseline(work);
  const { blocks, best } = await sweep(work, { weights: vim.weights, name: "VIM" });
  const untrained = { weights: initialise(flattenSpecs(vimSpec(vim.model)), config.seed), name: "random VIM" };
  const random = config.randomInit ? await sweep(work, untrained) : undefined;
  const report: ProbeReport = {
    vim: vim.stored.file,
    train: { file: config.train, images: train.images, views: train.views },
    test: { file: config.test, images: test.images, views: test.views },
    classes,
    depth: vim.model.depth,
    features: vim.model.dim,
    pooling: "mean",
    blocks,
    best: best.probe,
    ...confusionOf(best.confusion, classNamesOf(pair)),
    baselines: {
      rawPixels: "reason" in pixels ? null : pixels,
      stage1: "reason" in stage1 ? null : stage1,
      randomInit: random ? { ...random.best.probe, blocks: random.blocks } : null,
      majorityClass: majorityAccuracy({ trainLabels: train.labels, testLabels: test.labels, classes }),
    },
    missing: {
      ...("reason" in pixels ? { rawPixels: pixels.reason } : {}),
      ...("reason" in stage1 ? { stage1: stage1.reason } : {}),
      ...(random ? {} : { randomInit: "left out (--no-random-init)" }),
    },
    seconds: (performance.now() - began) / 1000,
  };
  return { report, best };
}

/** Every block of a VIM with these weights, which are given up, with a bar for features and one for classifiers. */
async function sweep(
  { config, vim, pair, blocks, engine, reporter }: Work,
  { weights, name }: { weights: NamedHostTensors; name: string },
): Promise<Sweep> {
  const { train, test, classes } = pair;
  const { l2, fractions, seed } = config;
  const total = train.rows.count + test.rows.count;
  const reading = reporter.bar({ total, unit: "images", label: `features of the ${name}` });
  let fitting: ReturnType<Reporter["bar"]> | undefined;
  let done = 0;
  const labelled = ({ rows, labels, views }: LabelledTokens) => ({ rows, labels, views });
  const swept = await sweepBlocks({
    engine,
    model: vim.model,
    weights,
    givesUpWeights: true,
    blocks,
    batchSize: evenBatch(total, config.batchSize),
    train: labelled(train),
    test: labelled(test),
    ...{ classes, l2, fractions, seed },
    onFeatures: (rows) => {
      reading.update(rows);
      if (rows < total) return;
      reading.stop();
      fitting = reporter.bar({ total: blocks.length, unit: "blocks", label: `classifiers of the ${name}` });
    },
    onBlock: (result) => fitting?.update(++done, { block: result.block, "top-1": result.top1 }),
  });
  fitting?.stop();
  return swept;
}

/** Writes the classifier of the best block, with all that `classify` needs to know. */
async function saveClassifier(file: string, work: Work, { probe, classifier }: Best): Promise<void> {
  const { vim, pair } = work;
  const { train, test } = pair;
  const run = tokenizerRun(work);
  await writeClassifier(file, classifier, {
    classNames: classNamesOf(pair),
    block: probe.block,
    pooling: "mean",
    vim: { file: vim.stored.file, hash: vim.hash, model: vim.model },
    tokenizer: { hash: train.tokens.tokenizerHash, ...(run === undefined ? {} : { run: path.resolve(run) }) },
    resize: resizeOf(train),
    test: { top1: probe.top1, top5: probe.top5, images: test.images },
    trainImages: train.images,
    l2: probe.l2,
  });
}

/** The shares below 1, ascending, each once: all images are fitted to in any case. */
function fractionsOf(shares: readonly number[] = []): number[] {
  return [...new Set(shares)].filter((share) => share < 1).sort((a, b) => a - b);
}

/**
 * The blocks asked for, in ascending order, each once; all with the embeddings when none is.
 * @throws UsageError when the VIM has no such block
 */
function blocksToProbe(wanted: readonly number[] | undefined, depth: number): number[] {
  if (!wanted) return Array.from({ length: depth + 1 }, (_, block) => block);
  const missing = wanted.find((block) => block > depth);
  if (missing !== undefined)
    throw new UsageError(`--blocks: want blocks from 0 (the embeddings) to ${depth}, got ${missing}`);
  return [...new Set(wanted)].sort((a, b) => a - b);
}

/** `--dry-run`: all checks are done, this says what it would take. */
function describeOnly(context: Context, { config, vim, pair, blocks }: Plan): void {
  const { train, test, classes } = pair;
  const rows = train.rows.count + test.rows.count;
  const featureBytes = 4 * rows * vim.model.dim * blocks.length;
  const images = { trainImages: train.images, testImages: test.images };
  const fits = blocks.length * (1 + (config.fractions?.length ?? 0));
  context.result(
    { dryRun: true, blocks, ...images, classes, features: vim.model.dim, featureBytes },
    `would fit ${fits} classifiers on ${formatInteger(images.trainImages)} images and judge them on ` +
      `${formatInteger(images.testImages)}; ${formatBytes(featureBytes)} of features`,
  );
}
