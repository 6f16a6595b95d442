import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chooseLanes, type LaneOptions } from "../../lib/train/lanes.js";
import { leastImages } from "../../lib/train/tokenizerSteps.js";
import { ADVERSARIAL, TASK } from "./support.js";

const test = suite("train/lanes");

const lanes = (laneThreads: number | undefined, options: Partial<LaneOptions>): number =>
  chooseLanes(
    { ...(laneThreads === undefined ? {} : { laneThreads }) },
    { batchSize: 64, parameters: 1e6, ...options },
  );

test("as many as there are threads, up to four that have equal shares of images and threads", () => {
  assert.equal(
    [1, 2, 3, 4, 6, 8, 16, 7].map((threads) => lanes(threads, {})),
    [1, 2, 1, 4, 2, 4, 4, 1],
  );
  assert.equal(
    [1, 2, 3, 6, 9].map((batchSize) => lanes(4, { batchSize })),
    [1, 2, 1, 2, 1],
  );
  assert.equal(
    [1, 3, 6, 9].map((batchSize) => lanes(3, { batchSize })),
    [1, 3, 3, 3],
  );
});

test("parts one after the other are divided further", () => {
  assert.equal(
    [1, 2, 32, 64].map((accumulate) => lanes(4, { accumulate })),
    [4, 4, 2, 1],
  );
});

test("a lane has as many images as its losses want", () => {
  assert.equal(
    [16, 8, 4, 2].map((batchSize) => lanes(4, { batchSize, leastImages: 4 })),
    [4, 2, 1, 1],
  );
  assert.is(lanes(4, { leastImages: Number.POSITIVE_INFINITY }), 1);
  assert.is(leastImages(TASK), 1);
  assert.is(leastImages(ADVERSARIAL), 4);
  assert.is(leastImages({ ...ADVERSARIAL, adaptive: true }), Number.POSITIVE_INFINITY);
  assert.is(leastImages({ ...TASK, adaptive: true }), 1);
});

test("larger models keep all threads busy by themselves", () => {
  assert.equal(
    [5e6, 5e6 + 1].map((parameters) => lanes(2, { parameters })),
    [2, 1],
  );
});

test("an engine without lanes gets one", () => {
  assert.is(lanes(undefined, {}), 1);
});

test.run();
