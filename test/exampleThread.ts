/** A thread to test `lib/workerThread.ts` with. */
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { DataError } from "../lib/errors.js";
import { answerQuestions } from "../lib/workerThread.js";

export type ExampleQuestion = "slow" | "given" | "refuse" | "break" | "crash" | Float32Array;

const tell = answerQuestions<ExampleQuestion, unknown, string>(parentPort!, {
  async answer(question) {
    if (question === "slow") await sleep(20);
    if (question === "refuse") throw new DataError("no such data");
    if (question === "break") throw new RangeError("broken");
    if (question === "crash") setImmediate(() => process.exit(7));
    if (question === "crash") await new Promise(() => {});
    if (question === "given") return { answer: workerData };
    if (typeof question === "string") return { answer: question };
    const doubled = question.map((value) => 2 * value);
    return { answer: doubled, handedOver: [doubled.buffer] };
  },
  async close() {
    tell("closed");
  },
});
