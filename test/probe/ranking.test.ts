import { suite } from "uvu";
import * as assert from "uvu/assert";
import { largestAt, rankOf, topClasses } from "../../lib/probe/ranking.js";
import { rngFrom } from "../../lib/random.js";

const test = suite("probe/ranking");

test("ranks by score, equal ones in the order of the classes", () => {
  const scores = [0.2, 0.5, 0.2, 0.5, 0.1];
  assert.is(largestAt(scores), 1);
  assert.equal(
    scores.map((_, c) => rankOf(scores, c)),
    [2, 0, 3, 1, 4],
  );
  assert.equal(topClasses(scores, 3), [1, 3, 0]);
  assert.equal(topClasses(scores, 9), [1, 3, 0, 2, 4]);
});

test("the best are those that sorting gives", () => {
  const { integer } = rngFrom(3);
  for (let round = 0; round < 50; round++) {
    const scores = Float32Array.from({ length: 12 }, () => integer(6));
    const sorted = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
    for (const count of [1, 4, 12]) assert.equal(topClasses(scores, count), sorted.slice(0, count));
    assert.is(largestAt(scores), sorted[0]);
    assert.equal(
      sorted.map((c) => rankOf(scores, c)),
      [...scores.keys()],
    );
  }
});

test.run();
