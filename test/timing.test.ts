import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exactly, lasting, secondsOf, timeRuns } from "../lib/timing.js";

const test = suite("timing");

test("seconds are those of the wall clock, waiting included", async () => {
  const seconds = await secondsOf(() => setTimeout(50));
  assert.ok(seconds >= 0.049 && seconds < 5, `${seconds} s`);
});

test("runs follow one another until there are enough, and whoever watches sees each of them", async () => {
  const order: string[] = [];
  const seconds = await timeRuns(
    async () => {
      order.push("begin");
      await setTimeout(1);
      order.push("end");
    },
    { enough: exactly(3), onRun: (all) => order.push(String(all.length)) },
  );
  assert.is(seconds.length, 3);
  assert.equal(order, ["begin", "end", "1", "begin", "end", "2", "begin", "end", "3"]);
});

test("one run is timed however few are wanted", async () => {
  assert.is((await timeRuns(async () => {}, { enough: exactly(0) })).length, 1);
});

test("lasting wants both the seconds and the runs", () => {
  const ask = (seconds: number, least: number, runs: readonly number[]) => {
    const enough = lasting(seconds, least);
    return runs.map((_, i) => enough(runs.slice(0, i + 1)));
  };
  assert.equal(ask(1, 1, [0.4, 0.4, 0.4]), [false, false, true]);
  assert.equal(ask(1, 3, [5, 5, 5]), [false, false, true]);
  assert.equal(ask(1, 1, [1]), [true]);
});

test("a run that fails ends the timing with its error", async () => {
  const failing = timeRuns(async () => Promise.reject(new Error("no")), { enough: exactly(2) });
  await failing.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, "no"),
  );
});

test.run();
