/**
 * Work in a process of its own: a crash, a hang or a lack of memory in it is an answer like any other, and what it measures
 * of itself is its own.
 *
 * The parent sends one job; the child may tell of its progress, and answers once.
 */
import { fork, type Serializable } from "node:child_process";
import { fileURLToPath } from "node:url";
import { VitvqError } from "./errors.js";

export type Answer<Found> =
  | { readonly ok: true; readonly found: Found }
  /** `exitCode` is there when the error was one that users can meet, `code` when the system had one. */
  | { readonly ok: false; readonly message: string; readonly code?: string; readonly exitCode?: number };

/** An answer, or what became of the process; with what it wrote on stderr last, either way. */
export type Outcome<Found> = Answer<Found> & { readonly stderr: string };

export type ChildOptions<Progress> = {
  /** Seconds that it may take; as long as it likes if absent. */
  readonly seconds?: number;
  readonly onProgress?: (progress: Progress) => void;
};

type Message<Found, Progress> = Answer<Found> | { readonly progress: Progress };

/**
 * Has a job done by a module that calls `answerJob`, in a process that is killed afterwards.
 * @param module URL of the module
 */
export function runInChild<Found, Progress = never>(
  module: URL,
  job: Serializable,
  { seconds, onProgress }: ChildOptions<Progress> = {},
): Promise<Outcome<Found>> {
  const child = fork(fileURLToPath(module), [], { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT);
  });
  return new Promise((resolve) => {
    let answer: Answer<Found> | undefined;
    const settle = (found: Answer<Found>) => {
      answer ??= found;
      child.kill("SIGKILL"); // also after success: some drivers abort when they are torn down
    };
    const late = () => settle({ ok: false, message: `no answer within ${seconds} s` });
    const timer = seconds === undefined ? undefined : setTimeout(late, seconds * 1000);
    child.on("message", (message: Message<Found, Progress>) => {
      if ("progress" in message) onProgress?.(message.progress);
      else settle(message);
    });
    child.once("error", (error) => settle({ ok: false, message: `could not start a process: ${error.message}` }));
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      resolve({
        ...(answer ?? { ok: false, message: `the process ended with ${signal ?? `status ${status}`}` }),
        stderr,
      });
    });
    child.send(job, () => {}); // a child that is gone before it hears of its job is dealt with when it closes
  });
}

const STDERR_KEPT = 10_000; // characters

/** In the child: does the job that comes, and answers; ends at once when the parent is gone. */
export function answerJob<Job, Found, Progress = never>(
  perform: (job: Job, report: (progress: Progress) => void) => Promise<Found>,
): void {
  const send = (message: Message<Found, Progress>): void => void process.send?.(message);
  process.once("disconnect", () => process.exit(1));
  process.once("message", (job: Job) => {
    void perform(job, (progress) => send({ progress })).then(
      (found) => send({ ok: true, found }),
      (error: unknown) => send({ ok: false, ...describe(error) }),
    );
  });
}

function describe(error: unknown): Omit<Answer<never> & { ok: false }, "ok"> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message } = error;
  const { code } = error as NodeJS.ErrnoException;
  const exitCode = error instanceof VitvqError ? error.exitCode : undefined;
  return { message, ...(code === undefined ? {} : { code }), ...(exitCode === undefined ? {} : { exitCode }) };
}
