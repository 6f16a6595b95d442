import path from "node:path";
import { unpackMetadata } from "../../lib/files/checkpoints.js";
import { openRun, type Run } from "../../lib/files/runDirectory.js";
import { openSafetensors } from "../../lib/files/safetensors.js";
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
};

/**
 * Opens the run directory of a training for `work`, and closes it whatever happens; tells the result and does no work when the
 * training has ended already.
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
    const steps = context.resume ? await finishedSteps(run, context.config) : undefined;
    if (steps === undefined) await work(run);
    else context.result({ run: out, finished: true, steps }, `${out} is finished`);
  } finally {
    await run.close();
  }
}

/**
 * The steps of a run that has ended, with at least as many as it is asked for, or because scores fell no more; undefined
 * for one that goes on. What counts is the finished model: a run that was extended and cut off has its old one still.
 */
async function finishedSteps(run: Run, { steps, stopAfter = 0 }: TrainingContext["config"]) {
  if (!(await run.isFinished())) return undefined;
  const file = path.join(run.folder, "model.safetensors");
  const { metadata, close } = await openSafetensors(file);
  await close();
  const { step, scoresWithoutGain = 0 } = unpackMetadata(file, metadata);
  if (typeof step !== "number" || step >= steps) return steps;
  return stopAfter > 0 && (scoresWithoutGain as number) >= stopAfter ? step : undefined;
}
