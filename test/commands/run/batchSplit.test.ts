import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type SplitConfig, splitOf } from "../../../commands/run/batchSplit.js";
import { UsageError } from "../../../lib/errors.js";
import { expectThrow } from "../../support.js";

const test = suite("commands/run/batchSplit");

const splits = (config: SplitConfig, laneThreads?: number) =>
  splitOf(config, laneThreads === undefined ? {} : { laneThreads }, { parameters: 1 });

test("lanes are those asked for, whatever the engine has, else as many as suit it", () => {
  const config = { batchSize: 12, accumulate: 2 };
  assert.equal(splits(config, 2), { ...config, lanes: 2 });
  assert.equal(splits(config), { ...config, lanes: 1 });
  for (const threads of [1, 2, 8]) assert.is(splits({ ...config, lanes: 3 }, threads).lanes, 3);
  assert.is(splits({ ...config, lanes: 6 }).lanes, 6);
  assert.is(splitOf(config, { laneThreads: 2 }, { parameters: 1, leastImages: 4 }).lanes, 1);
});

test("a batch that does not divide is refused", () => {
  for (const [config, wanted] of [
    [{ batchSize: 12, accumulate: 5 }, /^--accumulate: want a divisor of the batch size 12, got 5$/],
    [{ batchSize: 12, accumulate: 1, lanes: 5 }, /^--lanes: want a divisor of the batch size 12, got 5$/],
    [{ batchSize: 12, accumulate: 3, lanes: 3 }, /^--lanes: want a divisor of the 4 images that --accumulate leaves a/],
  ] as const) {
    expectThrow(() => splits(config), UsageError, wanted);
  }
});

test.run();
