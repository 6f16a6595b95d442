import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VitvqError } from "../../lib/errors.js";
import type { Progress } from "../../lib/speed/jobs.js";
import { measure, measureMachine } from "../../lib/speed/measure.js";
import { projectRoot } from "../support.js";

const test = suite("speed/measure");

const JOB = {
  engine: "onnxruntime",
  device: "cpu",
  threads: 1,
  size: "tiny",
  warmup: 1,
  seconds: 0.01,
  binary: path.join(projectRoot, "dist", "bin", "vitvq.js"),
} as const;

test("the machine is measured with the versions of what measured it", async () => {
  const { rates, versions } = await measureMachine({ engine: "onnxruntime", device: "cpu", threads: 1 });
  assert.ok(rates.multiplyAdds > 1e9 && rates.bytes > 1e8);
  assert.equal([versions["engine"], versions["node"]], ["onnxruntime", process.versions.node]);
});

test("a measurement has the runs asked for, its own memory, and what it computes", async () => {
  const found = await measure({ ...JOB, name: "sample-1", steps: 7 }, () => {});
  const { seconds, items, unit, multiplyAdds, work, peakBytes, otherLoad, setUpSeconds } = found;
  assert.is(seconds.length, 7);
  assert.ok(seconds.every((each) => each > 0 && each < 10));
  assert.equal([items, unit], [1, "codes"]);
  assert.ok(multiplyAdds! >= work!.multiplyAdds && setUpSeconds > 0);
  assert.ok(peakBytes! > 50e6 && peakBytes! < 2e9, `${peakBytes} bytes`);
  assert.ok(otherLoad! >= 0 && otherLoad! <= 1);
});

test("seconds are kept to, and progress is told", async () => {
  const told: Progress[] = [];
  const { seconds } = await measure({ ...JOB, name: "sample-1", seconds: 1 }, (progress) => told.push(progress));
  const total = seconds.reduce((a, b) => a + b);
  assert.ok(total >= 1 && total - seconds.at(-1)! < 1, `${total} s`);
  assert.ok(told.length >= 1 && told.every(({ runs, median }) => runs >= 1 && median > 0));
  assert.ok(told.at(-1)!.runs <= seconds.length);
});

test("short as the time may be, there are five runs", async () => {
  const { seconds, peakBytes, otherLoad } = await measure({ ...JOB, name: "start-node" }, () => {});
  assert.is(seconds.length, 5);
  assert.equal([peakBytes, otherLoad], [undefined, undefined]); // other processes did the work
});

test("what is lost says why, with the exit code of its error", async () => {
  const lost = measure({ ...JOB, name: "data", data: "/no/such/folder" }, () => {});
  await lost.then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, VitvqError);
      assert.is(error.exitCode, 3);
      assert.match(error.message, /cannot open data \/no\/such\/folder/);
    },
  );
});

test("an engine that is not here ends the measuring of the machine with exit code 6", async () => {
  await measureMachine({ engine: "tensorflow", device: "cpu", threads: 1 }).then(
    ({ versions }) => assert.is(versions["engine"], "tensorflow"), // installed here
    (error) => assert.is(error.exitCode, 6),
  );
});

test.run();
