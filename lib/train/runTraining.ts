/** A training from start or checkpoint to its end, with everything it leaves in the run directory. */
import { readCheckpoint } from "../files/checkpoints.js";
import type { Run } from "../files/runDirectory.js";
import { type IntervalReport, trainLoop } from "./loop.js";
import { watchSignals } from "./signals.js";
import type { Trainer } from "./trainer.js";

export type RunTraining = {
  readonly run: Run;
  /** Whether to go on from the newest checkpoint. */
  readonly resume: boolean;
  readonly total: number;
  readonly logEvery: number;
  readonly checkpointEvery: number;
  readonly patience: number;
  /** Steps between pictures (or whatever `illustrate` makes), made with the next log line; the end counts too. */
  readonly illustrateEvery: number;
  /** Images in a step, for rates. */
  readonly batchSize: number;
  /** Makes the trainer, its data starting with step `start`. */
  readonly createTrainer: (start: number) => Promise<Trainer>;
  /** Seconds that steps have waited for data since the start; their share is logged as `dataWait`. */
  readonly waited: () => number;
  /** Writes pictures or scores of the state after `step` steps; what it returns joins the metrics. */
  readonly illustrate?: (trainer: Trainer, step: number) => Promise<Record<string, number>>;
  readonly onInterval: (report: TrainingReport) => void;
  /** A sentence worth telling: what was resumed, what was passed over. */
  readonly onNote: (note: string) => void;
};

export type TrainingReport = IntervalReport & {
  readonly imagesPerSecond: number;
  /** Seconds to the end at the pace of the interval. */
  readonly secondsLeft: number;
};

export type TrainingResult = {
  readonly steps: number;
  readonly skipped: number;
  /** Metrics of the last interval. */
  readonly last: Readonly<Record<string, number>>;
};

/**
 * Trains to the end and writes the finished model.
 * @throws StoppedError, DivergedError as `trainLoop` does; FileError when a checkpoint does not fit
 */
export async function runTraining(options: RunTraining): Promise<TrainingResult> {
  const { run, total, onNote } = options;
  const signals = watchSignals((signal) => onNote(`${signal}: saving after this step; again to stop at once`));
  try {
    const checkpoint = options.resume ? await run.resume() : undefined;
    const start = checkpoint?.step ?? 0;
    const trainer = await options.createTrainer(start);
    try {
      for (const note of checkpoint?.notes ?? []) onNote(note);
      if (checkpoint) {
        trainer.restore({ ...(await readCheckpoint(checkpoint)), metadata: checkpoint.metadata });
        onNote(`continuing after step ${start} of ${total}`);
      }
      let last: Record<string, number> = {};
      let waited = 0;
      const skipped = await trainLoop({
        ...options,
        start,
        signals,
        step: (step) => trainer.step(step),
        log: async (report) => {
          const dataWait = (options.waited() - waited) / report.seconds;
          waited = options.waited();
          last = await logInterval(options, trainer, { ...report, dataWait });
        },
        save: (step) => save(run, trainer, step),
      });
      const { model, metadata } = trainer.save();
      await run.finish(model, { ...metadata, step: total });
      return { steps: total - start, skipped, last };
    } finally {
      await trainer.close();
    }
  } finally {
    signals.close();
  }
}

async function logInterval(options: RunTraining, trainer: Trainer, report: IntervalReport & { dataWait: number }) {
  const { step, total, secondsPerStep, skipped, dataWait } = report;
  const scores = options.illustrate && isIllustrationDue(options, step) ? await options.illustrate(trainer, step) : {};
  const metrics = { ...report.metrics, ...trainer.takeIntervalMetrics(), ...scores };
  const imagesPerSecond = options.batchSize / secondsPerStep;
  await options.run.appendMetrics({ step, ...metrics, imagesPerSecond, dataWait, ...(skipped > 0 ? { skipped } : {}) });
  options.onInterval({ ...report, metrics, imagesPerSecond, secondsLeft: (total - step) * secondsPerStep });
  return metrics;
}

/** Whether a multiple of `illustrateEvery` lies in the interval that ends with `step`, or the training ends. */
function isIllustrationDue({ total, logEvery, illustrateEvery }: RunTraining, step: number): boolean {
  const before = (Math.ceil(step / logEvery) - 1) * logEvery;
  return step === total || Math.floor(step / illustrateEvery) > Math.floor(before / illustrateEvery);
}

function save(run: Run, trainer: Trainer, step: number): Promise<void> {
  const { model, state, metadata } = trainer.save();
  return run.saveCheckpoint(step, { model, state }, metadata);
}
