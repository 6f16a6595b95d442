/** What `--dry-run` says of a training. */
import { measureRates } from "../../lib/engine/machineRates.js";
import type { Engine } from "../../lib/engine/types.js";
import { estimateTraining, type TrainingEstimate, type TrainingSize } from "../../lib/train/estimate.js";
import { formatBytes, formatDuration } from "../../lib/ui/format.js";
import type { Output } from "../support/output.js";

export type RunEstimate = TrainingEstimate & {
  /** To the end of the training. */
  readonly seconds: number;
};

/** Time and memory of a training, with the engine measured; only onnxruntime's are known how to tell. */
export async function estimateRun(engine: Engine, size: TrainingSize, steps: number): Promise<RunEstimate | undefined> {
  if (engine.name !== "onnxruntime") return undefined;
  const baseBytes = process.memoryUsage().rss;
  const estimate = estimateTraining(size, await measureRates(engine), baseBytes);
  return { ...estimate, seconds: estimate.secondsPerStep * steps };
}

/** The result of a dry run. */
export function reportDryRun(
  { result }: Pick<Output, "result">,
  plan: Readonly<Record<string, unknown>>,
  estimate: RunEstimate | undefined,
): void {
  const told = estimate
    ? `about ${formatDuration(estimate.seconds)} on this machine (${formatDuration(estimate.secondsPerStep)} a step) ` +
      `and ${formatBytes(estimate.peakBytes)} of memory, ${formatBytes(estimate.optimizerBytes)} of it for the optimizer; `
    : "";
  result({ dryRun: true, ...plan, ...estimate }, `${told}nothing written (--dry-run)`);
}
