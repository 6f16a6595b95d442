import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interleave } from "../../lib/data/interleave.js";

const test = suite("data/interleave");

const dealt = (weights: number[], count: number) => Array.from({ length: count }, (_, p) => interleave(weights)(p));

test("three to one is three and one in any four draws", () => {
  assert.equal(
    dealt([3, 1], 8).map(({ part }) => part),
    [1, 0, 0, 0, 1, 0, 0, 0],
  );
});

test("a part gets its places in order, none twice and none left out", () => {
  for (const weights of [[1], [3, 1], [1, 1, 1], [0.2, 0.5, 0.3], [7, 0.01, 2, 5]]) {
    const next = weights.map(() => 0);
    for (const { part, place } of dealt(weights, 3000)) assert.is(place, next[part]!++);
  }
});

test("after any number of draws no part is more than one draw for each part behind its share", () => {
  const weights = [0.2, 0.5, 0.3];
  const had = [0, 0, 0];
  dealt(weights, 2000).forEach(({ part }, p) => {
    had[part]!++;
    weights.forEach((weight, k) => {
      assert.ok(Math.abs(had[k]! - weight * (p + 1)) < 2, `${had[k]} of part ${k} in ${p + 1}`);
    });
  });
});

test("whole numbers come out exactly: as many draws as their sum give each part its number", () => {
  const counts = [61, 7, 40];
  const drawn = dealt(counts, 108);
  assert.equal(
    counts.map((_, k) => drawn.filter(({ part }) => part === k).length),
    counts,
  );
});

test.run();
