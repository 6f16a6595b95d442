import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createSpread } from "../../../commands/support/spread.js";

const test = suite("commands/support/spread");

/** What is kept of these labels, as "label:place". */
function kept(capacity: number, labels: readonly number[]): string[] {
  const spread = createSpread<number>(capacity);
  for (const [place, label] of labels.entries()) spread.offer(label, () => place);
  return spread.items().map(({ label, item }) => `${label}:${item}`);
}

test("without classes the first images are kept", () => {
  assert.equal(kept(3, [-1, -1, -1, -1, -1]), ["-1:0", "-1:1", "-1:2"]);
});

test("classes in turn, however the set is sorted", () => {
  const want = (places: readonly number[]) => places.map((place, i) => `${i % 3}:${place}`);
  assert.equal(kept(6, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]), want([0, 4, 8, 1, 5, 9]));
  assert.equal(kept(6, [2, 1, 0, 2, 1, 0, 2, 1, 0]), want([2, 1, 0, 5, 4, 3]));
});

test("a class with few images leaves its room to the others", () => {
  assert.equal(kept(4, [0, 1, 1, 1, 1, 1]), ["0:0", "1:1", "1:2", "1:3"]);
});

test("no more is ever kept or made than fits", () => {
  const labels = Array.from({ length: 1000 }, (_, i) => Math.floor(i / 10));
  let made = 0;
  const spread = createSpread<number>(16);
  for (const label of labels)
    spread.offer(label, () => {
      made++;
      return label;
    });
  assert.is(spread.items().length, 16);
  assert.is(new Set(spread.items().map(({ label }) => label)).size, 16);
  assert.ok(made < 100, `${made} made`);
});

test.run();
