/** The work of `train-vim`: token file in, run directory out. */
import path from "node:path";
import { tokenBatches } from "../../lib/data/tokens.js";
import { engineVersions, openEngine } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import type { Run } from "../../lib/files/runDirectory.js";
import { openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import { VIM_SIZES } from "../../lib/models/sizes.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs, type ParamSpec } from "../../lib/nn/params.js";
import { adafactorCost } from "../../lib/train/adafactor.js";
import { adamWCost } from "../../lib/train/adamW.js";
import type { TrainingSize } from "../../lib/train/estimate.js";
import type { OptimizerOptions } from "../../lib/train/optimizer.js";
import { priorLossPlan, priorPlan } from "../../lib/train/plans.js";
import { PriorTrainer } from "../../lib/train/priorTrainer.js";
import { runTraining } from "../../lib/train/runTraining.js";
import { warmupHoldExponential } from "../../lib/train/schedules.js";
import { formatCount, formatDuration } from "../../lib/ui/format.js";
import type { CommandContext } from "../support/command.js";
import { imageDimensions } from "../support/dimensions.js";
import { openReporter, reportRow } from "../support/reporter.js";
import { threadsOf } from "../support/threads.js";
import { version } from "../support/version.js";
import type { options, TrainVimConfig } from "../trainVim.js";
import { estimateRun, reportDryRun } from "./dryRun.js";
import { refuseIdleVimOptions } from "./idleOptions.js";
import { expectEqualParts, openTraining } from "./openTraining.js";

type Context = CommandContext<typeof options>;

/** Rows of the validation file that are scored. */
const SCORED = 1024;

export async function run(context: Context): Promise<void> {
  const { config } = context;
  refuseIdleVimOptions(context);
  expectEqualParts(config);
  const tokens = await openTokenFile(config.tokens);
  const validation = config.val === undefined ? undefined : await openTokenFile(config.val);
  const reporter = await openReporter(context);
  try {
    if (validation) expectSameTokenizer(tokens, validation);
    const model = vimConfig(config, tokens);
    const specs = flattenSpecs(vimSpec(model));
    const parameters = countParameters(specs);
    const engine = await openEngine(config.engine, { threads: threadsOf(config) });
    reporter.info(
      `train-vim: ${tokens.count} rows of ${tokens.tokensPerImage} codes from ${tokens.path}, ` +
        `engine ${engine.name} on ${engine.device}`,
    );
    reporter.info(
      `${formatCount(parameters)} parameters; ${model.classes ? `${model.classes} classes` : "unconditional"}; ` +
        `${model.vocabulary} codes`,
    );
    if (context.dryRun) {
      const estimate = await estimateRun(engine, priorSize(model, config, specs), config.steps);
      return reportDryRun(context, { parameters, rows: tokens.count, model }, estimate);
    }
    const runFolder = await openTraining(context, "train-vim");
    if (!runFolder) return;
    await runFolder.writeConfig(storedConfig(context, model, { tokens, engine }));
    const began = performance.now();
    const { steps, skipped, last } = await train(context, { model, tokens, validation, engine, runFolder, reporter });
    const seconds = (performance.now() - began) / 1000;
    const file = path.join(config.out, "model.safetensors");
    context.result(
      { run: config.out, model: file, steps, skipped, seconds, parameters, ...last },
      `trained ${steps} steps in ${formatDuration(seconds)}: ${file}`,
    );
  } finally {
    reporter.stop();
    await tokens.close();
    await validation?.close();
  }
}

type Parts = {
  model: VimConfig;
  tokens: TokenFile;
  validation: TokenFile | undefined;
  engine: Engine;
  runFolder: Run;
  reporter: Awaited<ReturnType<typeof openReporter>>;
};

async function train(context: Context, { model, tokens, validation, engine, runFolder, reporter }: Parts) {
  const { config } = context;
  let batches: ReturnType<typeof tokenBatches> | undefined;
  try {
    return await runTraining({
      run: runFolder,
      resume: context.resume,
      total: config.steps,
      logEvery: config.logEvery,
      checkpointEvery: config.checkpointEvery,
      illustrateEvery: config.sampleEvery,
      patience: config.patience,
      batchSize: config.batchSize,
      createTrainer: async (start) => {
        batches = tokenBatches({ tokens, batchSize: config.batchSize, seed: config.seed, startStep: start });
        const { next } = batches;
        return new PriorTrainer({
          engine,
          model,
          dropout: config.dropout,
          classDropout: model.classes > 0 ? config.classDropout : 0,
          optimizer: optimizerOf(config),
          batchSize: config.batchSize,
          accumulate: config.accumulate,
          recompute: config.recompute,
          seed: config.seed,
          dimensions: imageDimensions(tokens) ?? tokens.tokensPerImage,
          nextBatch: next,
        });
      },
      waited: () => batches?.waited ?? 0,
      illustrate: async (trainer) =>
        validation ? { valNll: await validationNll(trainer as PriorTrainer, validation, config.batchSize) } : {},
      onInterval: (report) => reportRow(reporter, report),
      onNote: (note) => reporter.info(note),
    });
  } finally {
    await batches?.close();
  }
}

/** Mean NLL in nats per code over the first whole batches of the file. */
async function validationNll(trainer: PriorTrainer, tokens: TokenFile, batchSize: number): Promise<number> {
  const batches = Math.max(1, Math.floor(Math.min(SCORED, tokens.count) / batchSize));
  let sum = 0;
  for (let i = 0; i < batches; i++) {
    const rows = Int32Array.from({ length: batchSize }, (_, b) => (i * batchSize + b) % tokens.count);
    const labels = rows.map((row) => tokens.labels?.[row] ?? -1);
    sum += await trainer.evaluate({ codes: await tokens.read(rows), labels });
  }
  return sum / batches;
}

function vimConfig(config: TrainVimConfig, tokens: TokenFile): VimConfig {
  const size = VIM_SIZES[config.size];
  const dim = config.dim ?? size.dim;
  const heads = config.heads ?? size.heads;
  if (dim % heads !== 0) throw new UsageError(`--heads: want a divisor of the width ${dim}, got ${heads}`);
  return {
    dim,
    depth: config.depth ?? size.depth,
    heads,
    mlpDim: config.mlpDim ?? (config.dim === undefined ? size.mlpDim : 4 * dim),
    grid: tokens.grid,
    vocabulary: tokens.vocabulary,
    classes: config.unconditional ? 0 : classCount(tokens),
    positions: config.positions,
  };
}

function priorSize(model: VimConfig, config: TrainVimConfig, specs: Readonly<Record<string, ParamSpec>>): TrainingSize {
  const { batchSize, accumulate, dropout, recompute, ema, val } = config;
  const parameters = countParameters(specs);
  const update = config.optimizer === "adamw" ? adamWCost(parameters) : adafactorCost(specs, config);
  const plan = priorPlan(model, { dropout, recompute, batchSize: batchSize / accumulate });
  const work = [{ plan, perStep: accumulate }];
  if (val !== undefined) work.push({ plan: priorLossPlan(model, batchSize), perStep: 0 });
  const batchBytes = 4 * batchSize * (sequenceLength(model) + 1);
  return { work, parameters, update, averaged: ema > 0 ? parameters : 0, batchBytes };
}

function classCount({ classNames, labels }: TokenFile): number {
  if (!labels) return 0;
  const highest = labels.reduce((a, b) => Math.max(a, b), -1);
  return Math.max(classNames?.length ?? 0, highest + 1);
}

function expectSameTokenizer(tokens: TokenFile, validation: TokenFile): void {
  if (tokens.tokenizerHash !== validation.tokenizerHash)
    throw new FileError(
      `${validation.path}: its codes are of another tokenizer than those of ${tokens.path}; encode both with the same run`,
    );
}

function optimizerOf(config: TrainVimConfig): OptimizerOptions {
  const { lr, lrFinal, warmup, hold, steps, beta1, beta2, beta2Schedule, weightDecay, clip, ema } = config;
  const schedule = warmupHoldExponential({
    peak: lr,
    final: lrFinal,
    warmup,
    hold: Math.round(hold * steps),
    total: steps,
  });
  const shared = { schedule, beta1, weightDecay, clip, ema };
  if (config.optimizer === "adamw") return { ...shared, rule: "adamw", beta2, epsilon: 1e-8 };
  const secondDecay = beta2Schedule === "power" ? beta2Schedule : beta2;
  return { ...shared, rule: "adafactor", beta2: secondDecay, updateClip: config.updateClip };
}

function storedConfig(context: Context, model: VimConfig, { tokens, engine }: { tokens: TokenFile; engine: Engine }) {
  const { classNames, tokenizerHash, source, viewsPerImage } = tokens;
  const { augmentation, ...made } = tokens.extra;
  const views = viewsPerImage === 1 ? {} : { viewsPerImage, ...(augmentation === undefined ? {} : { augmentation }) };
  return {
    command: "train-vim",
    version: version(),
    commandLine: [...context.commandLine],
    options: { ...context.config, threads: threadsOf(context.config) },
    model,
    noClass: noClass(model),
    data: {
      path: path.resolve(tokens.path),
      rows: tokens.count,
      ...views,
      source,
      ...(classNames ? { classNames } : {}),
    },
    tokenizer: { hash: tokenizerHash, ...made },
    versions: engineVersions(engine),
  };
}
