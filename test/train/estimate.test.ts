import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stepCost } from "../../lib/engine/stepCost.js";
import { estimateTraining } from "../../lib/train/estimate.js";
import { inLanes, tokenizerPlan } from "../../lib/train/plans.js";
import { expectClose } from "../support.js";
import { TASK } from "./support.js";

const test = suite("train/estimate");

const plan = tokenizerPlan(TASK, { quantized: true, adversarial: false }, 2);
const cost = stepCost(plan.step, plan.options);
const update = { stateBytes: 8000, movedBytes: 28_000 };
const size = { work: [{ plan, perStep: 1 }], parameters: 1000, update, averaged: 0, batchBytes: 512 };

test("time is arithmetic and traffic at the machine's rates, as often as a program runs", () => {
  const timeOf = (perStep: number, rates: { multiplyAdds: number; bytes: number }) =>
    estimateTraining({ ...size, work: [{ plan, perStep }], update: { stateBytes: 0, movedBytes: 0 } }, rates, 0)
      .secondsPerStep;
  const products = { multiplyAdds: 1e6, bytes: Number.POSITIVE_INFINITY };
  const traffic = { multiplyAdds: Number.POSITIVE_INFINITY, bytes: 1e6 };
  assert.is(timeOf(1, products), cost.multiplyAdds / 1e6);
  assert.is(timeOf(0.5, products), cost.multiplyAdds / 2e6);
  assert.is(timeOf(0, products), 0);
  assert.is(timeOf(1, traffic), (cost.movedBytes + 2 * cost.resultBytes) / 1e6);
  const moved = (change: Partial<typeof size>) => estimateTraining({ ...size, ...change }, traffic, 0).secondsPerStep;
  expectClose([moved({}) - timeOf(1, traffic)], [0.028], "seconds of an update", { relative: 1e-6 });
  expectClose([moved({ averaged: 1000 }) - moved({})], [0.012], "seconds of an average", { relative: 1e-6 });
});

test("memory is what is there, the programs, weights, moments, the average and the batches", () => {
  const rates = { multiplyAdds: 1e9, bytes: 1e9 };
  const peak = (change: Partial<typeof size>, base = 0) =>
    estimateTraining({ ...size, ...change }, rates, base).peakBytes;
  assert.is(peak({}, 5000), peak({}) + 5000);
  assert.is(peak({ parameters: 2000 }) - peak({}), 4 * 1000);
  assert.is(peak({ update: { ...update, stateBytes: 1030 } }) - peak({}), 1030 - 8000);
  assert.is(estimateTraining(size, rates, 0).optimizerBytes, 8000);
  assert.is(peak({ averaged: 1000 }) - peak({}), 4 * 1000);
  assert.is(peak({ batchBytes: 612 }) - peak({}), 300);
  const more = peak({ work: [...size.work, { plan, perStep: 0 }] }) - peak({});
  assert.ok(more >= cost.peakBytes && more < 1.3 * cost.peakBytes, `${more} for a peak of ${cost.peakBytes} bytes`);
});

test("lanes take no less time, and each has its buffers, its results and a copy of the weights", () => {
  const rates = { multiplyAdds: 1e9, bytes: 1e9 };
  const of = (lanes: number) =>
    estimateTraining({ ...size, work: [{ plan: inLanes(plan, lanes), perStep: 2 }] }, rates, 0);
  const [one, two, three] = [of(1), of(2), of(3)];
  assert.is(two.secondsPerStep, one.secondsPerStep);
  const lane = 1.15 * cost.peakBytes + cost.resultBytes + 4 * size.parameters;
  expectClose([three.peakBytes - two.peakBytes], [lane], "a third lane", { absolute: 1 });
  expectClose([two.peakBytes - one.peakBytes], [lane + 4 * size.parameters], "lanes at all", { absolute: 1 });
});

test.run();
