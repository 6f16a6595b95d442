import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stratifiedSubset } from "../../lib/probe/stratifiedSubset.js";

const test = suite("probe/stratifiedSubset");

const labels = Int32Array.from({ length: 130 }, (_, i) => (i === 129 ? 2 : i % 3 === 0 ? 0 : 1)); // 43, 86 and 1 rows
const subset = (share: number, seed = 1) => stratifiedSubset({ labels, classes: 4, share, seed });

test("gives the share of each class, rounded, and one row at least", () => {
  const counts = (share: number) => [0, 1, 2].map((label) => subset(share).filter((i) => labels[i] === label).length);
  assert.equal(counts(0.1), [4, 9, 1]);
  assert.equal(counts(0.001), [1, 1, 1]);
  assert.equal([...subset(1)], [...labels.keys()]);
});

test("holds the rows of every smaller share, ascending", () => {
  const [few, more] = [subset(0.05), subset(0.3)];
  assert.equal(
    [...few].filter((row) => !more.includes(row)),
    [],
  );
  assert.equal(
    [...more],
    [...more].sort((a, b) => a - b),
  );
});

test("is decided by the seed", () => {
  assert.equal(subset(0.2, 7), subset(0.2, 7));
  assert.not.equal(subset(0.2, 7), subset(0.2, 8));
});

test("refuses a share that is none", () => {
  for (const share of [0, 1.5, Number.NaN]) assert.throws(() => subset(share), /want a share above 0 and up to 1/);
});

test.run();
