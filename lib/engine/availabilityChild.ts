import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Job } from "./availabilityJobs.js";

/** The answer of a job, or what became of its process; with what it wrote on stderr either way. */
export type Outcome<K extends Job["kind"]> = Answer<K> & { readonly stderr: string };

/**
 * Does a job in a process of its own, which is killed afterwards: a crash or a hang in it is an answer like any other.
 * @param seconds how long it may take
 */
export function inChild<J extends Job>(job: J, seconds: number): Promise<Outcome<J["kind"]>> {
  const child = fork(fileURLToPath(new URL("./availabilityJobs.js", import.meta.url)), [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [],
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT);
  });
  return new Promise((resolve) => {
    let answer: Answer<J["kind"]> | undefined;
    const settle = (found: Answer<J["kind"]>) => {
      answer ??= found;
      child.kill("SIGKILL"); // also after success: some drivers abort when they are torn down
    };
    const timer = setTimeout(() => settle({ ok: false, message: `no answer within ${seconds} s` }), seconds * 1000);
    child.once("message", (found: Answer<J["kind"]>) => settle(found));
    child.once("error", (error) => settle({ ok: false, message: `could not start a process: ${error.message}` }));
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      resolve({
        ...(answer ?? { ok: false, message: `the process ended with ${signal ?? `status ${status}`}` }),
        stderr,
      });
    });
    begin(child, job);
  });
}

const STDERR_KEPT = 10_000; // characters

/** A child that is gone before it hears of its job is dealt with when it closes. */
function begin(child: ChildProcess, job: Job): void {
  child.send(job, () => {});
}
