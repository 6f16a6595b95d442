/** The work of `train-vim`: token files or images in, run directory out. */
import path from "node:path";
import { engineVersions } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import type { RunConfig } from "../../lib/files/runConfig.js";
import type { Run } from "../../lib/files/runDirectory.js";
import { noClass, type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import type { BatchSplit } from "../../lib/train/batchParts.js";
import { PriorTrainer } from "../../lib/train/priorTrainer.js";
import { runTraining, type TrainingResult } from "../../lib/train/runTraining.js";
import { validationNll } from "../../lib/train/validation.js";
import { formatCount, formatDuration, formatPercent } from "../../lib/ui/format.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { openReporter, reportRow } from "../support/reporter.js";
import { threadsOf } from "../support/threads.js";
import { version } from "../support/version.js";
import type { options } from "../trainVim.js";
import { splitOf } from "./batchSplit.js";
import { ABOUT_IMAGES, ABOUT_TOKENS, watchDataWait } from "./dataWait.js";
import { estimateRun, reportDryRun } from "./dryRun.js";
import { inRun, tellFinished } from "./openTraining.js";
import { openPriorData, type PriorBatches, type PriorData } from "./priorData.js";
import { optimizerOf, priorSize, vimConfig } from "./priorModel.js";
import { expectSameData } from "./sameData.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config } = context;
  expectRuleForDevice(config);
  if (await tellFinished(context)) return;
  const data = await openPriorData(config, context.warn);
  const reporter = await openReporter(context);
  try {
    const model = vimConfig(config, data);
    const specs = flattenSpecs(vimSpec(model));
    const parameters = countParameters(specs);
    const engine = await engineOf({ ...config, threads: threadsOf(config) });
    const split = splitOf(config, engine, { parameters });
    reporter.info(`train-vim: ${data.told}, engine ${engine.name} on ${engine.device}`);
    reporter.info(
      `${formatCount(parameters)} parameters; ${model.classes ? `${model.classes} classes` : "unconditional"}; ` +
        `${model.vocabulary} codes`,
    );
    if (context.dryRun) {
      const size = priorSize(model, config, { specs, encoding: data.work, split });
      return reportDryRun(
        context,
        { parameters, ...data.counts, model },
        await estimateRun(engine, size, config.steps),
      );
    }
    await inRun(context, "train-vim", (runFolder) =>
      trainIn(runFolder, context, { model, split, data, engine, reporter, parameters }),
    );
  } finally {
    reporter.stop();
    await data.close();
  }
}

/** Trains in an open run directory, and tells the result. */
async function trainIn(runFolder: Run, context: Context, { parameters, ...parts }: Training): Promise<void> {
  const stored = storedConfig(context, parts);
  expectSameTokenizer(runFolder, parts.data);
  expectSameData(runFolder, parts.data.stored.data);
  const began = performance.now();
  const trained = await train(context, { ...parts, runFolder, stored });
  tell(context, { ...trained, parameters, seconds: (performance.now() - began) / 1000 });
}

type Training = Omit<Parts, "runFolder" | "stored"> & { readonly parameters: number };

type Parts = {
  model: VimConfig;
  split: Required<BatchSplit>;
  data: PriorData;
  engine: Engine;
  runFolder: Run;
  stored: RunConfig;
  reporter: Awaited<ReturnType<typeof openReporter>>;
};

async function train(context: Context, { model, split, data, engine, runFolder, stored, reporter }: Parts) {
  const { config } = context;
  const feed = await data.feed(engine, reporter);
  const { validation } = feed;
  const wait = watchDataWait(
    (warning) => reporter.warn(warning),
    config.data === undefined ? ABOUT_TOKENS : ABOUT_IMAGES,
  );
  let batches: PriorBatches | undefined;
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
        batches = feed.batches(start);
        const { next } = batches;
        return new PriorTrainer({
          engine,
          model,
          dropout: config.dropout,
          classDropout: model.classes > 0 ? config.classDropout : 0,
          optimizer: optimizerOf(config),
          ...split,
          recompute: config.recompute,
          seed: config.seed,
          dimensions: data.dimensions,
          nextBatch: next,
        });
      },
      begin: () => runFolder.writeConfig(stored),
      waited: () => batches?.waited ?? 0,
      spent: () => batches?.spent ?? {},
      illustrate: async (trainer) =>
        validation ? { valNll: await validationNll(trainer as PriorTrainer, validation, config.batchSize) } : {},
      keepBest: validation && { on: validation.on, stopAfter: config.stopAfter },
      onInterval: (report) => {
        reportRow(reporter, report);
        wait.note(report);
      },
      onNote: (note) => reporter.info(note),
    });
    return { ...result, facts: { ...batches?.facts, dataWait: wait.share } };
  } finally {
    await batches?.close();
    await feed.close();
  }
}

type Trained = TrainingResult & {
  readonly facts: PriorBatches["facts"];
  readonly parameters: number;
  readonly seconds: number;
};

function tell({ config, result }: Context, trained: Trained): void {
  const { steps, skipped, last, best, endedAt, facts, parameters, seconds } = trained;
  const model = path.join(config.out, "model.safetensors");
  const file = path.join(config.out, "best.safetensors");
  const kept = best ? { best: file, bestStep: best.step, bestValNll: best.valNll } : {};
  const ended = endedAt === undefined ? {} : { endedAt };
  const { encodeSeconds } = facts;
  const text = [
    `trained ${steps} steps in ${formatDuration(seconds)}: ${model}`,
    ...(encodeSeconds === undefined
      ? []
      : [`${formatPercent(encodeSeconds / seconds)} of the time went into encoding`]),
    ...(endedAt === undefined ? [] : [`ended after step ${endedAt}: ${best?.since} scores in a row were no better`]),
    ...(best ? [`best validation NLL ${best.valNll.toFixed(4)} nats a code, after step ${best.step}: ${file}`] : []),
  ];
  result(
    { run: config.out, model, steps, skipped, ...facts, seconds, parameters, ...last, ...kept, ...ended },
    text.join("\n"),
  );
}

function expectRuleForDevice({ device, optimizer }: Context["config"]): void {
  if (device !== "cpu" && optimizer === "adafactor")
    throw new UsageError(`--device ${device}: Adafactor updates on the processor alone; give --optimizer adamw`);
}

/** A run goes on with the codes that it began with. */
function expectSameTokenizer({ folder, storedConfig }: Run, { tokenizerHash }: PriorData): void {
  const { hash } = (storedConfig?.["tokenizer"] ?? {}) as { hash?: string };
  if (hash === undefined || hash === tokenizerHash) return;
  throw new FileError(
    `${folder}: it was started with codes of the tokenizer ${hash.slice(0, 12)}, those given are of ` +
      `${tokenizerHash.slice(0, 12)}; give the ones it was started with, or start another run`,
  );
}

function storedConfig(
  context: Context,
  { model, data, engine, split }: Pick<Parts, "model" | "data" | "engine" | "split">,
) {
  return {
    command: "train-vim",
    version: version(),
    commandLine: [...context.commandLine],
    ...(context.preset === undefined ? {} : { preset: context.preset }),
    options: { ...context.config, threads: threadsOf(context.config), lanes: split.lanes },
    model,
    noClass: noClass(model),
    ...data.stored,
    versions: engineVersions(engine),
  };
}
