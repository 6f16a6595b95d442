import { suite } from "uvu";
import * as assert from "uvu/assert";
import { QUIET } from "../../bench/machine.js";
import { isUndisturbed, type Round, summarise } from "../../bench/summary.js";
import { expectClose } from "../support.js";

const test = suite("bench/summary");

function round(vitvq: number[], pytorch: number[], [ours, theirs]: [number, number] = [0, 0]): Round {
  const turn = (seconds: number[], otherLoad: number) => ({ seconds, otherLoad });
  return { vitvq: turn(vitvq, ours), pytorch: turn(pytorch, theirs) };
}

test("a round is undisturbed when neither side had others beside it", () => {
  assert.ok(isUndisturbed(round([1], [1], [QUIET, QUIET])));
  assert.not.ok(isUndisturbed(round([1], [1], [QUIET + 0.01, 0])));
  assert.not.ok(isUndisturbed(round([1], [1], [0, QUIET + 0.01])));
});

test("ratios are PyTorch's time over ours: of medians, by round, of the fastest steps", () => {
  const summary = summarise([round([1, 2, 3], [4, 4, 4]), round([1, 1, 1], [3, 3, 6])]);
  assert.equal([summary.vitvqMedian, summary.pytorchMedian, summary.medianRatio], [1, 4, 4]);
  assert.equal([summary.lowestRatio, summary.highestRatio, summary.pairedRatio], [2, 3, 2.5]);
  assert.equal([summary.vitvqBest, summary.pytorchBest, summary.bestRatio], [1, 3, 3]);
});

test("disturbed rounds count only when there are no others, and are said to be disturbed", () => {
  const disturbed = round([1], [9], [1, 0]);
  const one = summarise([disturbed, round([2], [4])]);
  assert.equal([one.rounds, one.undisturbed], [1, true]);
  expectClose([one.medianRatio], [2], "ratio", { absolute: 1e-12 });
  const none = summarise([disturbed]);
  assert.equal([none.rounds, none.undisturbed, none.medianRatio], [1, false, 9]);
  assert.throws(() => summarise([]), /got none/);
});

test.run();
