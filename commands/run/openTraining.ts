import { finishedMetadata, openRun, type Run } from "../../lib/files/runDirectory.js";
import type { Output } from "../support/output.js";

export type TrainingContext = Pick<Output, "result" | "log"> & {
  readonly config: {
    readonly out: string;
    readonly keep: number;
    readonly steps: number;
    /** Scores in a row without a better one that end a training; 0 or absent for none. */
    readonly stopAfter?: number;
  };
  readonly resume: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
};

/**
 * Whether `--resume` meets a training that has ended already, which is told as the result then. It has ended with at least as
 * many steps as are asked for, or because scores fell no more. To be asked first of all: nothing but the model itself need
 * be there any more. That is what counts: a run that was extended and cut off has its old one still.
 */
export async function tellFinished({ config, resume, dryRun, result }: TrainingContext): Promise<boolean> {
  const { out, steps: asked, stopAfter = 0 } = config;
  const metadata = resume && !dryRun ? await finishedMetadata(out) : undefined;
  if (!metadata) return false;
  const { step, scoresWithoutGain = 0 } = metadata;
  const steps = typeof step === "number" ? step : asked;
  if (steps < asked && !(stopAfter > 0 && (scoresWithoutGain as number) >= stopAfter)) return false;
  result({ run: out, finished: true, steps }, `${out} is finished, after ${steps} steps`);
  return true;
}

/**
 * Opens the run directory of a training for `work`, and closes it whatever happens.
 * @throws UsageError when the folder is in use, or is not empty and neither `--resume` nor `--force` is given
 */
export async function inRun(
  context: TrainingContext,
  command: string,
  work: (run: Run) => Promise<void>,
): Promise<void> {
  const { out, keep } = context.config;
  const mode = context.resume ? "resume" : context.force ? "force" : "new";
  const run = await openRun(out, { mode, command, keep, onWait: context.log });
  try {
    await work(run);
  } finally {
    await run.close();
  }
}
