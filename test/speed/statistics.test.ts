import { suite } from "uvu";
import * as assert from "uvu/assert";
import { median, spreadOf } from "../../lib/speed/statistics.js";

const test = suite("speed/statistics");

test("a median is the middle value or the mean of the two middle ones, whatever the order", () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([10, 1, 2, 3]), 2.5);
  assert.is(median([7]), 7);
  assert.throws(() => median([]), /^median: want at least one value, got none$/);
});

test("a spread has the ends, the middle and the quarters, on a line between neighbours, and leaves its values alone", () => {
  const values = [5, 1, 2, 4, 3];
  assert.equal(spreadOf(values), { median: 3, fastest: 1, slowest: 5, lowerQuarter: 2, upperQuarter: 4 });
  assert.equal(values, [5, 1, 2, 4, 3]);
  const { lowerQuarter, upperQuarter } = spreadOf([1, 2, 3, 10]);
  assert.equal([lowerQuarter, upperQuarter], [1.75, 4.75]);
  assert.equal(spreadOf([7]), { median: 7, fastest: 7, slowest: 7, lowerQuarter: 7, upperQuarter: 7 });
  assert.throws(() => spreadOf([]), /^spread: want at least one value, got none$/);
});

test.run();
