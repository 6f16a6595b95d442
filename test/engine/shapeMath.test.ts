import { suite } from "uvu";
import * as assert from "uvu/assert";
import { broadcastShapes, sameShape, sizeOf } from "../../lib/engine/shapeMath.js";

const test = suite("shapeMath");

test("shapes broadcast as in NumPy", () => {
  assert.equal(broadcastShapes([2, 1, 3], [4, 1]), [2, 4, 3]);
  assert.equal(broadcastShapes([], [2, 2]), [2, 2]);
  assert.equal(broadcastShapes([3], []), [3]);
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.not.ok(sameShape([2, 3], [3, 2]));
  assert.not.ok(sameShape([2], [2, 1]));
  assert.is(sizeOf([]), 1);
  assert.is(sizeOf([2, 3, 4]), 24);
});

test.run();
