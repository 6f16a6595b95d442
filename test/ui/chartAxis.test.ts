import { suite } from "uvu";
import * as assert from "uvu/assert";
import { linearAxis, logAxis, shortNumber } from "../../lib/ui/chartAxis.js";

const test = suite("chart axis");

const labels = (axis: { ticks: readonly { label: string }[] }) => axis.ticks.map(({ label }) => label).join(" ");

test("linear ticks are round numbers and the ends move out to them", () => {
  const axis = linearAxis({ values: [0.69, 0.861], maxTicks: 6, roundEnds: true });
  assert.is(labels(axis), "0.65 0.70 0.75 0.80 0.85 0.90");
  assert.ok(Math.abs(axis.min - 0.65) < 1e-12 && Math.abs(axis.max - 0.9) < 1e-12);
  assert.ok(Math.abs(axis.project(0.775) - 0.5) < 1e-12);
});

test("without rounding the ends stay at the data", () => {
  const axis = linearAxis({ values: [0, 4999], maxTicks: 6 });
  assert.equal([axis.min, axis.max], [0, 4999]);
  assert.is(labels(axis), "0 1000 2000 3000 4000");
});

test("a range that reaches close to zero shows zero", () => {
  assert.is(linearAxis({ values: [6, 28], maxTicks: 7, roundEnds: true }).min, 0);
  assert.is(linearAxis({ values: [20, 28], maxTicks: 5, roundEnds: true }).min, 20);
});

test("whole numbers get no ticks in between", () => {
  assert.is(labels(linearAxis({ values: [1, 2, 3], maxTicks: 9 })), "1 2 3");
  assert.is(labels(linearAxis({ values: [1, 2.5, 3], maxTicks: 6 })), "1.0 1.5 2.0 2.5 3.0");
});

test("one value is given room on both sides", () => {
  const axis = linearAxis({ values: [5, 5], maxTicks: 5 });
  assert.ok(axis.min < 5 && axis.max > 5);
  assert.is(axis.project(5), 0.5);
  assert.is(linearAxis({ values: [0], maxTicks: 5 }).project(0), 0.5);
});

test("negative values and zero are labelled plainly", () => {
  assert.is(labels(linearAxis({ values: [-1.2, 0.9], maxTicks: 5, roundEnds: true })), "-2 -1 0 1");
});

test("long numbers share a unit and tiny ones an exponent", () => {
  assert.is(labels(linearAxis({ values: [0, 200000], maxTicks: 5 })), "0 50k 100k 150k 200k");
  assert.is(labels(linearAxis({ values: [0, 2e6], maxTicks: 5 })), "0 0.5M 1.0M 1.5M 2.0M");
  assert.is(labels(linearAxis({ values: [0, 1e-5], maxTicks: 3 })), "0 5e-6 1e-5");
});

test("log ticks are powers of ten, closer where there is room", () => {
  assert.is(labels(logAxis({ values: [0.0012, 1.5], maxTicks: 5, roundEnds: true })), "0.001 0.01 0.1 1");
  assert.is(labels(logAxis({ values: [0.1, 10], maxTicks: 7, roundEnds: true })), "0.1 0.2 0.5 1 2 5 10");
  assert.is(labels(logAxis({ values: [1e-9, 1], maxTicks: 4, roundEnds: true })), "1e-9 1e-6 0.001 1");
});

test("a log axis projects ratios, with the ends at 0 and 1", () => {
  const axis = logAxis({ values: [0.01, 100], maxTicks: 5, roundEnds: true });
  assert.equal([axis.min, axis.max], [0.01, 100]);
  assert.ok(Math.abs(axis.project(1) - 0.5) < 1e-12);
  assert.ok(Math.abs(axis.project(10) - 0.75) < 1e-12);
});

test("a log axis over less than half a decade still has ticks", () => {
  const axis = logAxis({ values: [6.2, 8.7], maxTicks: 7, roundEnds: true });
  assert.is(labels(axis), "6.0 6.5 7.0 7.5 8.0 8.5 9.0");
  assert.ok(axis.project(7.5) > 0.5, "but is still logarithmic");
  const one = logAxis({ values: [3e-7], maxTicks: 5, roundEnds: true });
  assert.ok(one.ticks.length > 1 && one.min > 0 && one.project(3e-7) > 0 && one.project(3e-7) < 1);
});

test("numbers are short", () => {
  const written = [0, 0.02, 150, 20000, 1.5e6, 3e-5, -4000, 2e12].map(shortNumber);
  assert.equal(written, ["0", "0.02", "150", "20k", "1.5M", "3e-5", "-4000", "2e12"]);
});

test.run();
