/** Measurements, each in a process of its own. */
import { type Outcome, runInChild } from "../childJob.js";
import { EXIT, VitvqError } from "../errors.js";
import type { MeasureJob, Progress, RatesFound, RatesJob } from "./jobs.js";
import type { Measured } from "./report.js";

const JOBS = new URL("./jobs.js", import.meta.url);

/**
 * Rates of the machine under an engine, and its versions.
 * @throws VitvqError when they cannot be measured, for instance because the engine is not here
 */
export async function measureMachine(job: Omit<RatesJob, "kind">): Promise<RatesFound> {
  return expectFound(await runInChild<RatesFound>(JOBS, { kind: "rates", ...job }));
}

/**
 * Makes one measurement.
 * @param onProgress told a few times a second
 * @throws VitvqError when it is lost, whatever became of its process
 */
export async function measure(
  job: Omit<MeasureJob, "kind">,
  onProgress: (progress: Progress) => void,
): Promise<Measured> {
  return expectFound(await runInChild<Measured, Progress>(JOBS, { kind: "measure", ...job }, { onProgress }));
}

function expectFound<Found>(outcome: Outcome<Found>): Found {
  if (outcome.ok) return outcome.found;
  const { message, stderr, exitCode = EXIT.unexpected } = outcome;
  const killed = /SIGKILL|SIGABRT/.test(message) ? ", most likely for lack of memory" : "";
  throw new VitvqError(`${message}${killed}`, exitCode, { cause: stderr });
}
