import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ChildOptions, type Outcome, runInChild } from "../lib/childJob.js";
import type { ExampleJob } from "./exampleJobs.js";

const test = suite("childJob");

const MODULE = new URL("./exampleJobs.js", import.meta.url);
const outcomeOf = (job: ExampleJob, options: ChildOptions<number> = {}): Promise<Outcome<{ sum: number }>> =>
  runInChild(MODULE, job, options);

test("progress comes in order, then the answer", async () => {
  const told: number[] = [];
  const outcome = await outcomeOf("count", { onProgress: (part) => told.push(part) });
  assert.equal(outcome, { ok: true, found: { sum: 6 }, stderr: "" });
  assert.equal(told, [1, 2, 3]);
});

test("an error that users can meet comes with its exit code, another with the system's code", async () => {
  assert.equal(await outcomeOf("refuse"), { ok: false, message: "no such data", exitCode: 3, stderr: "" });
  assert.equal(await outcomeOf("break"), { ok: false, message: "broken", code: "EBROKEN", stderr: "" });
});

test("a process that ends without an answer is an answer, with what it said last", async () => {
  assert.equal(await outcomeOf("crash"), {
    ok: false,
    message: "the process ended with status 7",
    stderr: "last words",
  });
  assert.equal(await outcomeOf("abort"), { ok: false, message: "the process ended with SIGKILL", stderr: "" });
});

test("a process that takes too long is ended", async () => {
  const began = performance.now();
  assert.equal(await outcomeOf("hang", { seconds: 0.5 }), { ok: false, message: "no answer within 0.5 s", stderr: "" });
  assert.ok(performance.now() - began < 20_000);
});

test.run();
