import type { Run } from "../../lib/files/runDirectory.js";

/** How a run directory is to be opened. */
export function modeOf({ resume, force }: { resume: boolean; force: boolean }): "new" | "resume" | "force" {
  return resume ? "resume" : force ? "force" : "new";
}

/** Whether the run has ended, and is not asked for more steps than it had. */
export async function isFinishedFor(run: Run, steps: number): Promise<boolean> {
  const before = (run.storedConfig?.["options"] ?? {}) as { steps?: number };
  const extended = before.steps !== undefined && steps > before.steps;
  return !extended && (await run.isFinished());
}
