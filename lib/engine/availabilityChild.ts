import { type Outcome as ChildOutcome, runInChild } from "../childJob.js";
import type { Findings, Job } from "./availabilityJobs.js";

/** The answer of a job, or what became of its process; with what it wrote on stderr either way. */
export type Outcome<K extends Job["kind"]> = ChildOutcome<Findings[K]>;

/**
 * Does a job in a process of its own.
 * @param seconds how long it may take
 */
export function inChild<J extends Job>(job: J, seconds: number): Promise<Outcome<J["kind"]>> {
  return runInChild<Findings[J["kind"]]>(new URL("./availabilityJobs.js", import.meta.url), job, { seconds });
}
