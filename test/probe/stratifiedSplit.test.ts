import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stratifiedSplit } from "../../lib/probe/stratifiedSplit.js";

const test = suite("probe/stratifiedSplit");

const labels = Int32Array.from({ length: 96 }, (_, i) => (i === 95 ? 2 : i % 3 === 0 ? 0 : 1)); // 32, 63 and 1 rows

test("holds out a tenth of each class, none of a class with one row, and loses no row", () => {
  const { kept, heldOut } = stratifiedSplit({ labels, classes: 4, share: 0.1, seed: 1 });
  const count = (label: number) => heldOut.filter((row) => labels[row] === label).length;
  assert.equal([count(0), count(1), count(2)], [3, 6, 0]);
  const all = [...kept, ...heldOut].sort((a, b) => a - b);
  assert.equal(all, [...labels.keys()]);
});

test("keeps a row of a class even if nearly all is held out", () => {
  const { kept } = stratifiedSplit({ labels: Int32Array.of(0, 0, 1, 1, 1), classes: 2, share: 0.99, seed: 1 });
  assert.is(kept.length, 2);
});

test("is decided by the seed", () => {
  const split = (seed: number) => [...stratifiedSplit({ labels, classes: 3, share: 0.3, seed }).heldOut];
  assert.equal(split(7), split(7));
  assert.not.equal(split(7), split(8));
});

test("refuses when every class has one row", () => {
  const lone = Int32Array.of(0, 1);
  assert.throws(() => stratifiedSplit({ labels: lone, classes: 2, share: 0.5, seed: 1 }), /two rows or more/);
});

test.run();
