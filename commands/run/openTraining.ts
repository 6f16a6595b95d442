import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { unpackMetadata } from "../../lib/files/checkpoints.js";
import { openRun, type Run } from "../../lib/files/runDirectory.js";
import { openSafetensors } from "../../lib/files/safetensors.js";
import type { Output } from "../support/output.js";

export type TrainingContext = Pick<Output, "result"> & {
  readonly config: { readonly out: string; readonly keep: number; readonly steps: number };
  readonly resume: boolean;
  readonly force: boolean;
};

/** @throws UsageError when a batch does not divide into the parts asked for */
export function expectEqualParts({ batchSize, accumulate }: { batchSize: number; accumulate: number }): void {
  if (batchSize % accumulate !== 0)
    throw new UsageError(`--accumulate: want a divisor of the batch size ${batchSize}, got ${accumulate}`);
}

/**
 * Opens the run directory of a training; undefined, with the result told, when the training has ended already.
 * @throws UsageError when the folder is in use and neither `--resume` nor `--force` is given
 */
export async function openTraining(context: TrainingContext, command: string): Promise<Run | undefined> {
  const { out, keep, steps } = context.config;
  const mode = context.resume ? "resume" : context.force ? "force" : "new";
  const run = await openRun(out, { mode, command, keep });
  if (!context.resume || !(await isFinishedFor(run, steps))) return run;
  context.result({ run: out, finished: true, steps }, `${out} is finished`);
  return undefined;
}

/**
 * Whether the run has ended, with at least as many steps as it is asked for. What counts are the steps of the finished
 * model: a run that was extended and cut off has its old one still.
 */
async function isFinishedFor(run: Run, steps: number): Promise<boolean> {
  if (!(await run.isFinished())) return false;
  const file = path.join(run.folder, "model.safetensors");
  const { metadata, close } = await openSafetensors(file);
  await close();
  const { step } = unpackMetadata(file, metadata);
  return typeof step !== "number" || step >= steps;
}
