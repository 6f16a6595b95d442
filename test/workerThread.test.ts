import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../lib/errors.js";
import { WorkerThread } from "../lib/workerThread.js";
import type { ExampleQuestion } from "./exampleThread.js";
import { activeThreads, expectRejection } from "./support.js";

const test = suite("workerThread");

async function withThread(
  body: (thread: WorkerThread<ExampleQuestion, unknown, string>, told: string[]) => Promise<void>,
): Promise<void> {
  const told: string[] = [];
  const thread = new WorkerThread<ExampleQuestion, unknown, string>({
    module: new URL("./exampleThread.js", import.meta.url),
    name: "serves as an example",
    workerData: { given: 5 },
    onTold: (one) => told.push(one),
  });
  await body(thread, told);
  await thread.close();
  assert.equal(activeThreads(), []);
}

test("answers come in the order of the questions, and everything asked before the end is answered", async () => {
  let last: Promise<unknown> | undefined;
  let heard: string[] = [];
  await withThread(async (thread, told) => {
    const answered: unknown[] = [];
    const asked = (["slow", "given"] as const).map((one) => thread.ask(one).then((answer) => answered.push(answer)));
    await Promise.all(asked);
    assert.equal(answered, ["slow", { given: 5 }]);
    assert.equal(told, []);
    last = thread.ask("slow");
    heard = told;
  });
  assert.equal([await last, heard], ["slow", ["closed"]]);
});

test("memory is handed over both ways", () =>
  withThread(async (thread) => {
    const given = Float32Array.of(1, 2, 3);
    const answer = await thread.ask(given, [given.buffer]);
    assert.equal(answer, Float32Array.of(2, 4, 6));
    assert.is(given.length, 0);
  }));

test("errors keep their class and message, and the thread goes on", () =>
  withThread(async (thread) => {
    await expectRejection(thread.ask("refuse"), DataError, /^no such data$/);
    await expectRejection(thread.ask("break"), RangeError);
    assert.is(await thread.ask("slow"), "slow");
  }));

test("a thread that is lost ends what waits for it, and what is asked later", () =>
  withThread(async (thread) => {
    const words = /^the thread that serves as an example ended with status 7$/;
    const refused = (answer: Promise<unknown>) => expectRejection(answer, Error, words);
    assert.is(thread.lost, undefined);
    await Promise.all([thread.ask("crash"), thread.ask("slow")].map(refused));
    assert.match(thread.lost!.message, words);
    await refused(thread.ask("slow"));
  }));

test.run();
