/** A training from start or checkpoint to its end, with everything it leaves in the run directory. */
import { UsageError } from "../errors.js";
import { type Checkpoint, readCheckpoint } from "../files/checkpoints.js";
import type { Run } from "../files/runDirectory.js";
import { type BestScore, BestWeights } from "./bestWeights.js";
import { type IntervalReport, trainLoop } from "./loop.js";
import { type SignalWatch, watchSignals } from "./signals.js";
import type { Trainer } from "./trainer.js";

export type RunTraining = {
  readonly run: Run;
  /** Whether to go on from the newest checkpoint. */
  readonly resume: boolean;
  readonly total: number;
  readonly logEvery: number;
  readonly checkpointEvery: number;
  readonly checkpointMinutes: number;
  readonly patience: number;
  /** Steps between pictures (or whatever `illustrate` makes), made with the next log line; the end counts too. */
  readonly illustrateEvery: number;
  /** Images in a step, for rates. */
  readonly batchSize: number;
  /** Makes the trainer, its data starting with step `start`. */
  readonly createTrainer: (start: number) => Promise<Trainer>;
  /** Seconds that steps have waited for data since the start; their share is logged as `dataWait`. */
  readonly waited: () => number;
  /** Seconds since the start that went into parts of a step, by name; their shares are metrics of every interval. */
  readonly spent?: () => Readonly<Record<string, number>>;
  /** Writes pictures or scores of the state after `step` steps; what it returns joins the metrics. */
  readonly illustrate?: (trainer: Trainer, step: number) => Promise<Record<string, number>>;
  /**
   * Called once, when the first step is done, or none is left: from then on the run is this one. What may be amiss with data,
   * memory or device shows in that step, and an older run in the folder must outlive it.
   */
  readonly begin: () => Promise<void>;
  /** Keeps the weights that `illustrate` gave the lowest `valNll`: `on` what, and whether to end when it falls no more. */
  readonly keepBest?: { readonly on: string; readonly stopAfter: number } | undefined;
  readonly onInterval: (report: TrainingReport) => void;
  /** A sentence worth telling: what was resumed, what was passed over. */
  readonly onNote: (note: string) => void;
};

export type TrainingReport = IntervalReport & {
  readonly imagesPerSecond: number;
  /** Share of the interval's seconds, 0..1, that steps waited for data. */
  readonly dataWait: number;
  /** Seconds to the end at the pace of the interval. */
  readonly secondsLeft: number;
};

export type TrainingResult = {
  readonly steps: number;
  readonly skipped: number;
  /** Metrics of the last interval. */
  readonly last: Readonly<Record<string, number>>;
  /** With `keepBest`, once there was a score. */
  readonly best?: BestScore;
  /** The step after which training ended because scores fell no more; absent when it ended as planned. */
  readonly endedAt?: number;
};

/**
 * Trains to the end, or until scores fall no more, and writes the finished model.
 * @throws StoppedError, DivergedError as `trainLoop` does; FileError when a checkpoint does not fit; UsageError when it is of
 * more steps than are asked for
 */
export async function runTraining(options: RunTraining): Promise<TrainingResult> {
  const { run, total, onNote } = options;
  const signals = watchSignals((signal) =>
    onNote(`${signal}: saving when the steps under way are done; again to stop at once`),
  );
  try {
    const checkpoint = options.resume ? await resumed(run, total) : undefined;
    const start = checkpoint?.step ?? 0;
    const trainer = await options.createTrainer(start);
    try {
      const best = options.keepBest && new BestWeights(run, options.keepBest.on, options.keepBest.stopAfter);
      for (const note of checkpoint?.notes ?? []) onNote(note);
      if (checkpoint) {
        await trainer.restore({ ...(await readCheckpoint(checkpoint)), metadata: checkpoint.metadata });
        onNote(`continuing after step ${start} of ${total}`);
        const forgotten = best?.restore(checkpoint.metadata);
        if (forgotten !== undefined) onNote(forgotten);
      } else await trainer.start();
      return await trainFrom(start, { options, trainer, best, signals });
    } finally {
      await trainer.close();
    }
  } finally {
    signals.close();
  }
}

/** @throws UsageError, before anything changes, when more steps are done than are asked for */
async function resumed(run: Run, total: number): Promise<Checkpoint | undefined> {
  const { step = 0 } = (await run.latestCheckpoint()) ?? {};
  if (step <= total) return run.resume();
  throw new UsageError(`--steps: want at least the ${step} steps that ${run.folder} has done, got ${total}`);
}

type Training = {
  readonly options: RunTraining;
  readonly trainer: Trainer;
  readonly best: BestWeights | undefined;
  readonly signals: SignalWatch;
};

async function trainFrom(start: number, training: Training): Promise<TrainingResult> {
  const { options, trainer, best, signals } = training;
  const { run, total } = options;
  let last: Record<string, number> = {};
  let reached = start;
  const begin = once(options.begin);
  const shares = shareCounter(options);
  // A run that was over and lost its finished model has no step left to do.
  const skipped = await trainLoop({
    ...options,
    start,
    total: best?.isOver ? start : total,
    signals,
    step: async (step, room) => {
      const report = await trainer.step(step, room);
      await begin();
      return report;
    },
    log: async (report) => {
      reached = report.step;
      last = await logInterval(training, { ...report, total }, shares(report.seconds));
    },
    isOver: () => best?.isOver ?? false,
    save: async (step) => {
      const { model, state, metadata } = await trainer.save();
      return run.saveCheckpoint(step, { model, state }, { ...metadata, ...best?.metadata });
    },
  });
  await begin();
  const { model, metadata } = await trainer.save();
  const early = reached < total && best?.isOver ? { scoresWithoutGain: best.best!.since } : {};
  await run.finish(model, { ...metadata, step: reached, ...early });
  const result = { steps: reached - start, skipped, last, ...(best?.best ? { best: best.best } : {}) };
  return reached < total ? { ...result, endedAt: reached } : result;
}

function once(act: () => Promise<void>): () => Promise<void> {
  let acted: Promise<void> | undefined;
  return () => {
    acted ??= act();
    return acted;
  };
}

/** Shares of the seconds since the last call that went into waiting and into what `spent` names. */
function shareCounter({ waited, spent = () => ({}) }: RunTraining) {
  const now = (): Readonly<Record<string, number>> => ({ dataWait: waited(), ...spent() });
  let before = now();
  return (seconds: number): Record<string, number> => {
    const after = now();
    const names = Object.keys(after);
    const shares = names.map((name) => [name, (after[name]! - (before[name] ?? 0)) / seconds] as const);
    before = after;
    return Object.fromEntries(shares);
  };
}

async function logInterval(
  { options, trainer, best }: Training,
  report: IntervalReport,
  { dataWait = 0, ...shares }: Record<string, number>,
): Promise<Record<string, number>> {
  const { step, total, secondsPerStep, skipped } = report;
  const scores = options.illustrate && isIllustrationDue(options, step) ? await options.illustrate(trainer, step) : {};
  const { valNll } = scores;
  if (best && valNll !== undefined) await best.offer({ step, valNll, weights: await trainer.weights() });
  const metrics = { ...report.metrics, ...trainer.takeIntervalMetrics(), ...shares, ...scores };
  const kept = valNll !== undefined && best?.best ? { bestStep: best.best.step, bestValNll: best.best.valNll } : {};
  const imagesPerSecond = options.batchSize / secondsPerStep;
  await options.run.appendMetrics({
    step,
    ...metrics,
    ...kept,
    imagesPerSecond,
    dataWait,
    ...(skipped > 0 ? { skipped } : {}),
  });
  options.onInterval({ ...report, metrics, imagesPerSecond, dataWait, secondsLeft: (total - step) * secondsPerStep });
  return metrics;
}

/** Whether a multiple of `illustrateEvery` lies in the interval that ends with `step`, or the training ends. */
function isIllustrationDue({ total, logEvery, illustrateEvery }: RunTraining, step: number): boolean {
  const before = (Math.ceil(step / logEvery) - 1) * logEvery;
  return step === total || Math.floor(step / illustrateEvery) > Math.floor(before / illustrateEvery);
}
