import path from "node:path";
import { unpackMetadata } from "../../lib/files/checkpoints.js";
import type { Run } from "../../lib/files/runDirectory.js";
import { openSafetensors } from "../../lib/files/safetensors.js";

/** How a run directory is to be opened. */
export function modeOf({ resume, force }: { resume: boolean; force: boolean }): "new" | "resume" | "force" {
  return resume ? "resume" : force ? "force" : "new";
}

/**
 * Whether the run has ended, with at least as many steps as it is asked for. What counts are the steps of the finished
 * model: a run that was extended and cut off has its old one still.
 */
export async function isFinishedFor(run: Run, steps: number): Promise<boolean> {
  if (!(await run.isFinished())) return false;
  const file = path.join(run.folder, "model.safetensors");
  const { metadata, close } = await openSafetensors(file);
  await close();
  const { step } = unpackMetadata(file, metadata);
  return typeof step !== "number" || step >= steps;
}
