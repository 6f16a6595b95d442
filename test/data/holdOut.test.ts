import { suite } from "uvu";
import * as assert from "uvu/assert";
import { heldOutImages, numbersWithout } from "../../lib/data/holdOut.js";

const test = suite("data/holdOut");

test("the share asked for is held out, once each, the same for the same seed and another for another", () => {
  const held = heldOutImages(1000, 0.02, 7);
  assert.is(held.length, 20);
  assert.is(new Set(held).size, 20);
  assert.ok(held.every((image) => image < 1000));
  assert.equal(heldOutImages(1000, 0.02, 7), held);
  assert.not.equal(heldOutImages(1000, 0.02, 8), held);
});

test("at least one image is held out and at least one is left", () => {
  assert.is(heldOutImages(10, 0.001, 0).length, 1);
  assert.is(heldOutImages(2, 0.5, 0).length, 1);
  assert.throws(() => heldOutImages(1, 0.5, 0), /want images left to train on, got 1 held out of 1/);
  assert.throws(() => heldOutImages(10, 0.99, 0), RangeError);
});

test("numbers without some are those that are left, in order", () => {
  for (const without of [[], [0], [0, 1, 2], [3, 4, 9], [9]]) {
    const left = Array.from({ length: 10 }, (_, i) => i).filter((i) => !without.includes(i));
    const at = numbersWithout(Uint32Array.from(without));
    assert.equal(
      left.map((_, i) => at(i)),
      left,
    );
  }
});

test.run();
