/** The training loop of both stages: steps, logging, checkpoints, signals, and what to do when numbers go bad. */
import { DivergedError, StoppedError } from "../errors.js";
import type { SignalWatch } from "./signals.js";

export type StepReport = {
  /** Numbers of this step, averaged over an interval when logged. */
  readonly metrics: Readonly<Record<string, number>>;
  /** False when a loss or gradient was not finite and nothing was updated. */
  readonly applied: boolean;
  /** Whether an update by a penalty that followed (R1) was made; absent where there was none. */
  readonly penalised?: boolean;
  /** Whether numbers were not finite because the loss's scale was too large: it is lower now, and the next step may do. No if absent. */
  readonly rescaled?: boolean;
  /** Steps after this one that are done already, their reports still to come. None if absent. */
  readonly ahead?: number;
};

export type IntervalReport = {
  /** Number of steps done. */
  readonly step: number;
  readonly total: number;
  /** Means over the interval's applied steps. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Steps skipped since the start of this process for numbers that were not finite. */
  readonly skipped: number;
  readonly secondsPerStep: number;
  /** Seconds of the whole interval. */
  readonly seconds: number;
};

export type LoopOptions = {
  /** Steps already done. */
  readonly start: number;
  readonly total: number;
  /** Steps between log lines. */
  readonly logEvery: number;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
  /** Minutes after which a step is followed by a checkpoint, however few steps there were; 0 for steps alone. */
  readonly checkpointMinutes: number;
  /**
   * Consecutive steps that may be skipped before the run counts as diverged, or penalties; those that lowered the scale do not
   * count.
   */
  readonly patience: number;
  readonly signals: SignalWatch;
  /** Does step number `step` (from 0), and may do up to `room` at once: so many pass before anything else is due. */
  readonly step: (step: number, room: number) => Promise<StepReport>;
  readonly log: (report: IntervalReport) => Promise<void>;
  /** Asked after every log line: whether training is over, however many steps are left. */
  readonly isOver?: () => boolean;
  /** Saves the state after `step` steps. */
  readonly save: (step: number) => Promise<void>;
};

/**
 * Runs steps `start .. total - 1`, fewer when `isOver` says so.
 * @returns number of steps that were skipped
 * @throws StoppedError after saving, when a signal asked to stop
 * @throws DivergedError when `patience` steps in a row were not finite, or as many penalties; the last checkpoint stands
 */
export async function trainLoop(options: LoopOptions): Promise<number> {
  const interval = new Interval(options.start);
  let inARow = 0;
  let penalties = 0;
  let skipped = 0;
  let savedAt = performance.now();
  for (let step = options.start; step < options.total; step++) {
    const report = await options.step(step, roomAt(step, options));
    const done = step + 1;
    interval.add(report);
    if (report.applied) inARow = 0;
    else if (!report.rescaled) inARow++;
    if (report.penalised) penalties = 0;
    else if (report.penalised === false && !report.rescaled) penalties++;
    skipped += report.applied ? 0 : 1;
    if (inARow >= options.patience) throw diverged(done, { inARow, since: done - inARow === options.start });
    if (penalties >= options.patience) throw divergedPenalty(done, penalties);
    const logged = done % options.logEvery === 0 || done === options.total;
    if (logged) await options.log({ ...interval.close(done), total: options.total, skipped });
    const finished = done === options.total || (logged && (options.isOver?.() ?? false));
    const late = options.checkpointMinutes > 0 && performance.now() - savedAt >= 60_000 * options.checkpointMinutes;
    if (!report.ahead && (await saveIfDue(options, { done, inARow, finished, late }))) savedAt = performance.now();
    if (finished) break;
  }
  return skipped;
}

/** Steps from `step` to the next log line, checkpoint or the end. */
function roomAt(step: number, { total, logEvery, checkpointEvery }: LoopOptions): number {
  return Math.min(total - step, ...[logEvery, checkpointEvery].map((every) => every - (step % every)));
}

type Progress = {
  readonly done: number;
  readonly inARow: number;
  readonly finished: boolean;
  /** Whether the last checkpoint is too long ago. */
  readonly late: boolean;
};

/** @returns whether it was */
async function saveIfDue(options: LoopOptions, { done, inARow, finished, late }: Progress): Promise<boolean> {
  const { signals } = options;
  const asked = signals.takeSaveRequest() || (signals.stop !== undefined && !finished);
  // While steps are being skipped the last good checkpoint is kept, not replaced.
  const due = (done % options.checkpointEvery === 0 || late || finished) && inARow === 0;
  if (asked || due) await options.save(done);
  if (signals.stop && !finished)
    throw new StoppedError(`stopped by ${signals.stop} after step ${done}, saved; --resume continues`, signals.stop);
  return asked || due;
}

/** @param since whether none was finite since the run was started or resumed */
function diverged(step: number, { inARow, since }: { inARow: number; since: boolean }): DivergedError {
  const start = step - inARow;
  const remedy =
    since && start > 0
      ? `none was since step ${start}, whose weights may be what is wrong: remove checkpoints/ of that step, and --resume goes on ` +
        "from the one before, with a lower --lr; or start anew"
      : "the last checkpoint is intact: continue from it with --resume and a lower --lr, or look at the data";
  return new DivergedError(`step ${step}: losses or gradients were not finite ${inARow} steps in a row; ${remedy}`);
}

function divergedPenalty(step: number, count: number): DivergedError {
  return new DivergedError(
    `step ${step}: the penalty on the discriminator's gradients (R1) was not finite ${count} times in a row; the last ` +
      "checkpoint is intact: continue from it with --resume and a lower --lr, or another --r1-gamma",
  );
}

/** Sums of metrics since the last log line. */
class Interval {
  private sums: Record<string, number> = {};
  private counts: Record<string, number> = {};
  private began = performance.now();
  constructor(private from: number) {}

  add({ metrics, applied }: StepReport): void {
    if (!applied) return;
    for (const [name, value] of Object.entries(metrics)) {
      this.sums[name] = (this.sums[name] ?? 0) + value;
      this.counts[name] = (this.counts[name] ?? 0) + 1;
    }
  }

  close(step: number): Pick<IntervalReport, "step" | "metrics" | "secondsPerStep" | "seconds"> {
    const metrics = Object.fromEntries(
      Object.entries(this.sums).map(([name, sum]) => [name, sum / this.counts[name]!]),
    );
    const seconds = (performance.now() - this.began) / 1000;
    const secondsPerStep = seconds / Math.max(1, step - this.from);
    this.sums = {};
    this.counts = {};
    this.from = step;
    this.began = performance.now();
    return { step, metrics, secondsPerStep, seconds };
  }
}
