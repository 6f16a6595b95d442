/** A child process to test `lib/childJob.ts` with. */
import { answerJob } from "../lib/childJob.js";
import { DataError } from "../lib/errors.js";

export type ExampleJob = "count" | "refuse" | "break" | "crash" | "abort" | "hang";

answerJob<ExampleJob, { sum: number }, number>(async (job, report) => {
  if (job === "refuse") throw new DataError("no such data");
  if (job === "break") throw Object.assign(new Error("broken"), { code: "EBROKEN" });
  if (job === "crash") {
    await new Promise((resolve) => process.stderr.write("last words", resolve));
    process.exit(7);
  }
  if (job === "abort") process.kill(process.pid, "SIGKILL");
  if (job === "hang") await new Promise(() => setInterval(() => {}, 1000));
  for (const part of [1, 2, 3]) report(part);
  return { sum: 6 };
});
