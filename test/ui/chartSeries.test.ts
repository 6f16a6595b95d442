import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plot, smoothed, thinned } from "../../lib/ui/chartSeries.js";

const test = suite("chart series");

const linear = { positive: false };
const counting = (n: number) => Array.from({ length: n }, (_, i) => i);

test("a line breaks where a value is missing", () => {
  const { runs } = plot(
    { name: "a", x: [0, 1, 2, 3, Number.NaN, 5], y: [1, 2, Number.NaN, 4, 5, Number.POSITIVE_INFINITY] },
    0,
    linear,
  );
  assert.equal(runs, [
    [
      [0, 1],
      [1, 2],
    ],
    [[3, 4]],
  ]);
});

test("a log axis leaves out what has no logarithm", () => {
  const { runs } = plot({ name: "a", x: [0, 1, 2], y: [0, 2, -3] }, 0, { positive: true });
  assert.equal(runs, [[[1, 2]]]);
});

test("x and y must be of one length", () => {
  assert.throws(() => plot({ name: "loss", x: [1, 2], y: [1] }, 0, linear), /series loss has 2 x but 1 y/);
});

test("thinning keeps every spike, the ends and the order", () => {
  const y = new Float32Array(10000);
  y[1234] = 9;
  y[5678] = -9;
  const run = counting(10000).map((i) => [i, y[i]!] as const);
  const few = thinned(run, 400);
  assert.ok(few.length <= 402, `${few.length} points`);
  assert.ok(few.some(([x, value]) => x === 1234 && value === 9));
  assert.ok(few.some(([x, value]) => x === 5678 && value === -9));
  assert.equal([few[0]![0], few.at(-1)![0]], [0, 9999]);
  assert.ok(few.every(([x], i) => i === 0 || x > few[i - 1]![0]));
});

test("short lines are not thinned", () => {
  const run = counting(400).map((i) => [i, i] as const);
  assert.is(thinned(run, 400), run);
});

test("smoothing takes the mean of the neighbours there are", () => {
  const run = [4, 0, 2, 6].map((y, x) => [x, y] as const);
  assert.equal(smoothed(run, 1), [
    [0, 2],
    [1, 2],
    [2, 8 / 3],
    [3, 4],
  ]);
});

test("a smoothed series says so and keeps its points in pale", () => {
  const series = { name: "loss", x: counting(100), y: counting(100), smooth: 10 };
  const { name, pale, runs } = plot(series, 0, linear);
  assert.is(name, "loss (mean of 11)");
  assert.equal([pale[0]!.length, runs[0]!.length], [100, 100]);
  assert.equal(plot({ ...series, smooth: 1 }, 0, linear).name, "loss");
});

test("few points are marked, noise is drawn thin, and colours used again are dashed", () => {
  const noise = { name: "a", x: counting(1000), y: counting(1000).map((i) => (i * 7919) % 13) };
  const few = { name: "a", x: [1, 2], y: [1, 2] };
  assert.equal([plot(few, 0, linear).marked, plot(few, 0, linear).jagged], [true, false]);
  assert.equal([plot(noise, 0, linear).marked, plot(noise, 0, linear).jagged], [false, true]);
  assert.not(plot({ ...noise, y: noise.x }, 0, linear).jagged);
  const shown = counting(14)
    .map((i) => plot(few, i, linear))
    .map(({ color, dashed }) => `${color} ${dashed}`);
  assert.is(new Set(shown).size, 14);
});

test.run();
