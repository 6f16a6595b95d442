import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evenBatch } from "../../lib/engine/evenBatch.js";

const test = suite("engine/evenBatch");

test("batches are as few as may be and as equal, of one item at least", () => {
  const sizes = (most: number) => [0, 1, 5, 32, 33, 64, 100].map((count) => evenBatch(count, most));
  assert.equal(sizes(32), [1, 1, 5, 32, 17, 32, 25]);
  assert.equal(sizes(1), [1, 1, 1, 1, 1, 1, 1]);
  assert.equal(sizes(0), sizes(1));
});

test.run();
