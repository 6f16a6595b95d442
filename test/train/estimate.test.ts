import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stepCost } from "../../lib/engine/stepCost.js";
import { estimateTraining } from "../../lib/train/estimate.js";
import { tokenizerPlan } from "../../lib/train/plans.js";
import { TASK } from "./support.js";

const test = suite("train/estimate");

const plan = tokenizerPlan(TASK, { quantized: true, adversarial: false }, 2);
const cost = stepCost(plan.step, plan.options);
const size = { work: [{ plan, perStep: 1 }], parameters: 1000, averaged: 0, batchBytes: 512 };

test("time is arithmetic and traffic at the machine's rates, as often as a program runs", () => {
  const timeOf = (perStep: number, rates: { multiplyAdds: number; bytes: number }) =>
    estimateTraining({ ...size, work: [{ plan, perStep }], parameters: 0 }, rates, 0).secondsPerStep;
  const products = { multiplyAdds: 1e6, bytes: Number.POSITIVE_INFINITY };
  const traffic = { multiplyAdds: Number.POSITIVE_INFINITY, bytes: 1e6 };
  assert.is(timeOf(1, products), cost.multiplyAdds / 1e6);
  assert.is(timeOf(0.5, products), cost.multiplyAdds / 2e6);
  assert.is(timeOf(0, products), 0);
  assert.is(timeOf(1, traffic), (cost.movedBytes + 2 * cost.resultBytes) / 1e6);
});

test("memory is what is there, the programs, three numbers a parameter, the average and the batches", () => {
  const rates = { multiplyAdds: 1e9, bytes: 1e9 };
  const peak = (change: Partial<typeof size>, base = 0) =>
    estimateTraining({ ...size, ...change }, rates, base).peakBytes;
  assert.is(peak({}, 5000), peak({}) + 5000);
  assert.is(peak({ parameters: 2000 }) - peak({}), 4 * 3 * 1000);
  assert.is(peak({ averaged: 1000 }) - peak({}), 4 * 1000);
  assert.is(peak({ batchBytes: 612 }) - peak({}), 300);
  const more = peak({ work: [...size.work, { plan, perStep: 0 }] }) - peak({});
  assert.ok(more >= cost.peakBytes && more < 1.3 * cost.peakBytes, `${more} for a peak of ${cost.peakBytes} bytes`);
});

test.run();
