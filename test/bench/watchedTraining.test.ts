import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MemorySample } from "../../bench/memoryWatch.js";
import { watchedTraining } from "../../bench/watchedTraining.js";
import { VitvqError } from "../../lib/errors.js";
import { trainVq } from "../commands/support/training.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("bench/watchedTraining");

test("a training gives a sample at every record of its metrics, in order, the last one too", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = path.join(folder, "run");
    const args = trainVq(run, "--steps", "12", "--quiet").filter(
      (argument) => argument !== "--out" && argument !== run,
    );
    const samples: MemorySample[] = [];
    for await (const sample of watchedTraining(run, args, { collectEvery: 6 })) samples.push(sample);
    assert.is(samples.at(-1)?.step, 12);
    assert.ok(samples.length >= 4, `${samples.length} samples of 6 records`); // two that come together give one
    const collected = samples.filter(({ live }) => live !== undefined);
    assert.is(collected.length, 2);
    assert.ok(collected[0]!.step >= 6 && collected[1]!.step === 12);
    for (const { live, rss } of collected) assert.ok(live! > 1e6 && live! < rss);
    for (const [i, now] of samples.slice(1).entries()) {
      const before = samples[i]!;
      assert.ok(now.step > before.step && now.seconds > before.seconds && now.rss > 1e7 && now.heapUsed > 1e6);
      assert.ok(now.processorSeconds >= before.processorSeconds);
    }
  });
});

test("a training that fails is an error", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = watchedTraining(path.join(folder, "run"), ["train-vq", path.join(folder, "nothing"), "--quiet"]);
    const { exitCode } = await expectRejection(run.next(), VitvqError, /ended with status 3/);
    assert.is(exitCode, 3);
  });
});

test.run();
