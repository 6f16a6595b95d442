/** The work of `probe`: a VIM and two token files in, accuracy by block and of the baselines out. */
import path from "node:path";
import { openEngine } from "../../lib/engine/open.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { majorityAccuracy } from "../../lib/probe/linearProbe.js";
import { type BlockProbe, sweepBlocks } from "../../lib/probe/sweep.js";
import { formatBytes, formatInteger } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../probe.js";
import type { CommandContext } from "../support/command.js";
import { loadVim } from "../support/models.js";
import { openReporter } from "../support/reporter.js";
import { pixelBaseline } from "./probePixels.js";
import { bestOf, expectFree, type ProbeReport, reportText, writeReport } from "./probeReport.js";
import { expectModel, type LabelledPair, labelledPair } from "./probeTokens.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config } = context;
  if (config.out !== undefined) await expectFree(config.out, context.force);
  const vim = await loadVim(config.vim, { checkpoint: config.checkpoint });
  const blocks = blocksToProbe(config.blocks, vim.model.depth);
  const train = await openTokenFile(config.train);
  const test = await openTokenFile(config.test);
  const reporter = await openReporter(context);
  try {
    for (const note of vim.stored.notes) reporter.warn(note);
    for (const tokens of [train, test]) expectModel(tokens, vim);
    const pair = labelledPair(train, test);
    if (path.resolve(config.train) === path.resolve(config.test))
      reporter.warn(`${config.test} is both --train and --test: accuracy on rows that were fitted says little`);
    if (context.dryRun) return describeOnly(context, { vim, pair, blocks });
    const engine = await openEngine(config.engine, config.threads === undefined ? {} : { threads: config.threads });
    const report = await measure(context, { vim, pair, blocks, engine, reporter });
    if (config.out !== undefined) await writeReport(config.out, report);
    context.result({ ...report, ...(config.out === undefined ? {} : { out: config.out }) }, reportText(report));
  } finally {
    reporter.stop();
    await train.close();
    await test.close();
  }
}

type Plan = {
  readonly vim: Awaited<ReturnType<typeof loadVim>>;
  readonly pair: LabelledPair;
  readonly blocks: readonly number[];
};

type Work = Plan & { readonly engine: Engine; readonly reporter: Reporter };

/** The quick baselines first: they fail early where the images are not what they should be. */
async function measure({ config }: Context, work: Work): Promise<ProbeReport> {
  const { vim, pair, engine, reporter } = work;
  const { train, test, classes } = pair;
  const began = performance.now();
  reporter.info(
    `probe: ${work.blocks.length} blocks of ${vim.model.dim} features, ${formatInteger(train.tokens.count)} images ` +
      `to fit and ${formatInteger(test.tokens.count)} to judge, ${classes} classes, engine ${engine.name} on ${engine.device}`,
  );
  const pixels = await pixelBaseline({ config, pair, engine, reporter });
  const blocks = await sweep(config, work, { weights: vim.weights, name: "VIM" });
  const untrained = { weights: initialise(flattenSpecs(vimSpec(vim.model)), config.seed), name: "random VIM" };
  const random = config.randomInit ? await sweep(config, work, untrained) : undefined;
  return {
    vim: vim.stored.file,
    train: { file: config.train, images: train.tokens.count },
    test: { file: config.test, images: test.tokens.count },
    classes,
    depth: vim.model.depth,
    features: vim.model.dim,
    pooling: "mean",
    blocks,
    best: bestOf(blocks),
    baselines: {
      rawPixels: "reason" in pixels ? null : pixels,
      randomInit: random ? { ...bestOf(random), blocks: random } : null,
      majorityClass: majorityAccuracy({ trainLabels: train.labels, testLabels: test.labels, classes }),
    },
    missing: {
      ...("reason" in pixels ? { rawPixels: pixels.reason } : {}),
      ...(random ? {} : { randomInit: "left out (--no-random-init)" }),
    },
    seconds: (performance.now() - began) / 1000,
  };
}

/** Every block of a VIM with these weights, with a bar for the features and one for the classifiers. */
async function sweep(
  config: Context["config"],
  { vim, pair, blocks, engine, reporter }: Work,
  { weights, name }: { weights: NamedHostTensors; name: string },
): Promise<BlockProbe[]> {
  const { train, test, classes } = pair;
  const total = train.tokens.count + test.tokens.count;
  const reading = reporter.bar({ total, unit: "images", label: `features of the ${name}` });
  let fitting: ReturnType<Reporter["bar"]> | undefined;
  const results: BlockProbe[] = [];
  await sweepBlocks({
    engine,
    model: vim.model,
    weights,
    blocks,
    batchSize: Math.min(config.batchSize, total),
    train: { rows: train.tokens, labels: train.labels },
    test: { rows: test.tokens, labels: test.labels },
    classes,
    l2: config.l2,
    seed: config.seed,
    onFeatures: (images) => {
      reading.update(images);
      if (images < total) return;
      reading.stop();
      fitting = reporter.bar({ total: blocks.length, unit: "blocks", label: `classifiers of the ${name}` });
    },
    onBlock: (result) => {
      results.push(result);
      fitting?.update(results.length, { block: result.block, "top-1": result.top1 });
    },
  });
  fitting?.stop();
  return results;
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
function describeOnly(context: Context, { vim, pair, blocks }: Plan): void {
  const { train, test, classes } = pair;
  const rows = train.tokens.count + test.tokens.count;
  const featureBytes = 4 * rows * vim.model.dim * blocks.length;
  const images = { trainImages: train.tokens.count, testImages: test.tokens.count };
  context.result(
    { dryRun: true, blocks, ...images, classes, features: vim.model.dim, featureBytes },
    `would fit ${blocks.length} classifiers on ${formatInteger(images.trainImages)} images and judge them on ` +
      `${formatInteger(images.testImages)}; ${formatBytes(featureBytes)} of features`,
  );
}
