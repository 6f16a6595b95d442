/** The work of `train-vq`: from options to networks, data and a run directory. */
import path from "node:path";
import type { TrainingBatches } from "../../lib/data/batches.js";
import { imagesDigest } from "../../lib/data/digest.js";
import { openLoader } from "../../lib/data/loader.js";
import type { ImageSource } from "../../lib/data/source.js";
import { engineVersions } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import type { RunConfig } from "../../lib/files/runConfig.js";
import type { Run } from "../../lib/files/runDirectory.js";
import { codesPerImage } from "../../lib/models/tokenizer.js";
import type { BatchSplit } from "../../lib/train/batchParts.js";
import { runTraining } from "../../lib/train/runTraining.js";
import { warmupCosine } from "../../lib/train/schedules.js";
import { leastImages, type TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { TokenizerTrainer } from "../../lib/train/tokenizerTrainer.js";
import { formatCount, formatDuration, formatInteger } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import { augmentOf } from "../support/augment.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { openImages } from "../support/openImages.js";
import { openReporter, reportRow } from "../support/reporter.js";
import { threadsOf } from "../support/threads.js";
import { version } from "../support/version.js";
import type { options, TrainVqConfig } from "../trainVq.js";
import { imageBatchesAhead, splitOf } from "./batchSplit.js";
import { warnOnce } from "./damagedImages.js";
import { ABOUT_IMAGES, watchDataWait } from "./dataWait.js";
import { estimateRun, reportDryRun } from "./dryRun.js";
import { type FrozenEncoder, freezeTask, frozenEncoder, withFrozen } from "./frozenEncoder.js";
import { inRun, tellFinished } from "./openTraining.js";
import { perceptualNetwork } from "./perceptualNetwork.js";
import { quantizeWarning } from "./quantizeWarning.js";
import { openReconstructions, SHOWN } from "./reconstructions.js";
import { expectSameData, expectSamePerceptual } from "./sameData.js";
import { parameterCounts, tokenizerSize, tokenizerTask } from "./tokenizerTask.js";

type Context = CommandContext<typeof options>;

export async function run(given: Context): Promise<void> {
  if (await tellFinished(given)) return;
  const frozen = await frozenEncoder(given.config);
  const config = withFrozen(given.config, frozen);
  const context: Context = { ...given, config };
  const { warn } = context;
  const task = freezeTask(tokenizerTask(config, await perceptualNetwork(config)), frozen);
  const source = await openImages(config.data, { labels: config.labels, warn });
  const validation = config.val === undefined ? source : await openImages(config.val, { warn });
  const counts = parameterCounts(task);
  const reporter = await openReporter(context);
  try {
    const engine = await engineOf({ ...config, threads: threadsOf(config) });
    const parameters = counts.model + counts.discriminator;
    const split = splitOf(config, engine, { parameters, leastImages: leastImages(task) });
    announce(reporter, config, { task, frozen, source, engine });
    if (context.dryRun) {
      const estimate = await estimateRun(
        engine,
        tokenizerSize(task, config, { split, shown: Math.min(SHOWN, config.batchSize) }),
        config.steps,
      );
      const plan = {
        ...counts,
        images: source.count,
        codesPerImage: codesPerImage(task.model),
        config: withoutWeights(task),
      };
      return reportDryRun(context, plan, estimate);
    }
    await inRun(context, "train-vq", (runFolder) =>
      trainIn(runFolder, { context, given, task, split, frozen, source, validation, engine, reporter }),
    );
  } finally {
    reporter.stop();
  }
}

/** Says what is about to be trained, and on what. */
function announce(
  reporter: Reporter,
  config: TrainVqConfig,
  { task, frozen, source, engine }: Pick<Parts, "task" | "frozen" | "source" | "engine">,
): void {
  const { model, encoder, decoder, discriminator } = parameterCounts(task);
  reporter.info(
    `train-vq: ${formatInteger(source.count)} images from ${source.path}, engine ${engine.name} on ${engine.device}`,
  );
  reporter.info(
    `${formatCount(model)} parameters (encoder ${formatCount(encoder)}, decoder ${formatCount(decoder)})` +
      `${discriminator ? `, discriminator ${formatCount(discriminator)}` : ""}; ` +
      `${codesPerImage(task.model)} codes of ${config.codebookSize} an image`,
  );
  const warning = quantizeWarning(config);
  if (warning !== undefined) reporter.warn(warning);
  if (frozen) reporter.info(`encoder and codebook stay those of ${config.freezeEncoder}; the decoder learns`);
}

/** Trains in an open run directory, and tells the result. */
async function trainIn(runFolder: Run, { context, given, ...parts }: Training): Promise<void> {
  const { out } = context.config;
  // The options as they were given, so that the same ones may be given with --resume.
  const stored = storedConfig(given, parts);
  expectSameData(runFolder, stored.data);
  expectSamePerceptual(runFolder, stored.perceptual?.hash);
  const began = performance.now();
  const { steps, skipped, damaged, dataWait, last } = await train(context, { ...parts, runFolder, stored });
  const seconds = (performance.now() - began) / 1000;
  const model = path.join(out, "model.safetensors");
  const parameters = parameterCounts(parts.task);
  context.result(
    { run: out, model, steps, skipped, damaged, seconds, dataWait, parameters, ...last },
    `trained ${steps} steps in ${formatDuration(seconds)}: ${model}`,
  );
}

type Training = Omit<Parts, "runFolder" | "stored"> & {
  readonly context: Context;
  /** `context` before the frozen encoder settled some of its options. */
  readonly given: Context;
};

type Parts = {
  task: TokenizerTask;
  split: Required<BatchSplit>;
  frozen: FrozenEncoder | undefined;
  source: ImageSource;
  validation: ImageSource;
  engine: Engine;
  runFolder: Run;
  stored: RunConfig;
  reporter: Reporter;
};

async function train(context: Context, parts: Parts) {
  const { task, split, frozen, source, validation, engine, runFolder, stored, reporter } = parts;
  const { config } = context;
  const view = { size: config.imageSize, channels: config.channels };
  const onDamaged = warnOnce((warning) => reporter.warn(warning));
  const reconstructions = await openReconstructions(validation, {
    engine,
    model: task.model,
    config,
    onDamaged: onDamaged(validation),
    folder: runFolder.samples,
  });
  const wait = watchDataWait((warning) => reporter.warn(warning), ABOUT_IMAGES);
  let batches: TrainingBatches | undefined;
  try {
    const result = await runTraining({
      run: runFolder,
      resume: context.resume,
      total: config.steps,
      logEvery: config.logEvery,
      checkpointEvery: config.checkpointEvery,
      checkpointMinutes: config.checkpointMinutes,
      illustrateEvery: config.sampleEvery,
      patience: config.patience,
      batchSize: config.batchSize,
      createTrainer: async (start) => {
        batches = openLoader({
          source,
          view,
          augment: augmentOf(config),
          batchSize: config.batchSize,
          seed: config.seed,
          startStep: start,
          strict: config.strict,
          prefetch: imageBatchesAhead(engine, config),
          onDamaged: onDamaged(source),
        });
        const { next } = batches;
        return new TokenizerTrainer({
          engine,
          task,
          optimizer: optimizerOf(config),
          ...split,
          seed: config.seed,
          ...(frozen ? { frozen: frozen.weights } : {}),
          adversarialStart: config.adversarialStart,
          nextImages: async () => (await next()).images,
        });
      },
      begin: () => runFolder.writeConfig(stored),
      waited: () => batches?.waited ?? 0,
      illustrate: async (trainer, step) => reconstructions.illustrate(await trainer.weights(), step),
      onInterval: (report) => {
        reportRow(reporter, report);
        wait.note(report);
      },
      onNote: (note) => reporter.info(note),
    });
    return { ...result, damaged: batches?.damaged.length ?? 0, dataWait: wait.share };
  } finally {
    await batches?.close();
    await reconstructions.close();
  }
}

function optimizerOf(config: TrainVqConfig) {
  const { lr, lrFinal, warmup, steps, beta1, beta2, weightDecay, clip, ema } = config;
  const schedule = warmupCosine({ peak: lr, final: lrFinal, warmup, total: steps });
  return { rule: "adamw", schedule, beta1, beta2, epsilon: 1e-8, weightDecay, clip, ema } as const;
}

function storedConfig(
  context: Context,
  { task, source, engine, split }: Pick<Parts, "task" | "source" | "engine" | "split">,
) {
  return {
    command: "train-vq",
    version: version(),
    commandLine: [...context.commandLine],
    ...(context.preset === undefined ? {} : { preset: context.preset }),
    options: { ...context.config, threads: threadsOf(context.config), lanes: split.lanes },
    model: task.model,
    ...(task.perceptual ? { perceptual: { hash: weightsHash(task.perceptual.weights) } } : {}),
    data: {
      path: path.resolve(source.path),
      images: source.count,
      digest: imagesDigest(source),
      ...(source.classNames ? { classNames: source.classNames } : {}),
    },
    versions: engineVersions(engine),
  };
}

/** The task as it can be printed. */
const withoutWeights = ({ perceptual, ...task }: TokenizerTask) => ({
  ...task,
  ...(perceptual ? { perceptual: perceptual.config } : {}),
});
