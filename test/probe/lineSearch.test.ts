import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type LinePoint, lineSearch } from "../../lib/probe/lineSearch.js";

const test = suite("probe/lineSearch");

/** Searches along `value`, with every point looked at. */
async function search(value: (s: number) => number, slope: (s: number) => number, firstStep: number) {
  const seen: number[] = [];
  const at = (step: number): LinePoint => ({ step, value: value(step), slope: slope(step) });
  const evaluate = async (step: number) => {
    seen.push(step);
    return at(step);
  };
  return { found: await lineSearch({ start: at(0), evaluate, firstStep }), seen };
}

const parabola = (s: number) => (s - 1) ** 2;
const parabolaSlope = (s: number) => 2 * (s - 1);

test("takes the first step when it is good enough", async () => {
  const { seen, found } = await search(parabola, parabolaSlope, 1);
  assert.equal(seen, [1]);
  assert.is(found?.step, 1);
});

test("doubles a step that is too short until the slope has eased", async () => {
  const { seen, found } = await search(parabola, parabolaSlope, 0.01);
  assert.equal(seen, [0.01, 0.02, 0.04, 0.08, 0.16]);
  assert.is(found?.step, 0.16); // slope -1.68, at most 0.9 of -2
});

test("cuts a step that is too long by the secant of the slopes", async () => {
  const { seen } = await search(parabola, parabolaSlope, 4);
  assert.equal(seen, [4, 1]); // a parabola's slopes lead to its minimum
});

test("comes back from where the function does not exist", async () => {
  const barrier = (s: number) => -Math.log(1 - s) - 3 * s; // minimum at 2/3, nothing from 1 on
  const { found } = await search(barrier, (s) => (s < 1 ? 1 / (1 - s) - 3 : Number.NaN), 8);
  assert.ok(found && found.value < 0 && Math.abs(found.slope) <= 0.9 * 2);
});

test("accepts by the slope where values drown in rounding", async () => {
  // The decrease, 1e-9, is lost in values that are exact to 1e-7.
  const rounded = (s: number) => Math.round((1 + 1e-9 * parabola(s)) * 1e7) / 1e7;
  const { found } = await search(rounded, (s) => 1e-9 * parabolaSlope(s), 1);
  assert.is(found?.step, 1);
});

test("finds nothing on a line that only rises", async () => {
  const { found, seen } = await search(
    (s) => s,
    (s) => (s === 0 ? -1 : 1),
    1,
  );
  assert.is(found, undefined);
  assert.ok(seen.length <= 60);
});

test.run();
