import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ABOUT_IMAGES, watchDataWait } from "../../../commands/run/dataWait.js";
import { expectClose } from "../../support.js";

const test = suite("commands/run/dataWait");

/** The warnings that intervals of some seconds and shares of waiting bring, and the share of all. */
function watch(...intervals: readonly (readonly [seconds: number, dataWait: number])[]) {
  const warnings: string[] = [];
  const wait = watchDataWait((text) => warnings.push(text), ABOUT_IMAGES);
  for (const [seconds, dataWait] of intervals) wait.note({ seconds, dataWait });
  return { warnings, share: wait.share };
}

test("a minute of much waiting, in three intervals or more, is told once with what to do", () => {
  const { warnings } = watch([5, 0.02], [20, 0.2], [20, 0.3], [40, 0.25], [60, 0.5], [60, 0.5], [60, 0.5]);
  assert.is(warnings.length, 1);
  assert.match(warnings[0]!, /^25\.0% of the time goes into waiting for data; smaller files .* --threads/);
});

test("no word of the start, of short times, of few intervals, or of waiting that comes and goes", () => {
  assert.equal(watch([100, 0.9], [100, 0.9], [100, 0.1], [100, 0.01]).warnings, []);
  assert.equal(watch([10, 0.9], [10, 0.9], [10, 0.9], [10, 0.9], [10, 0.9]).warnings, []);
  assert.equal(watch([40, 0.5], [40, 0.5], [40, 0.1], [40, 0.5], [40, 0.5], [40, 0]).warnings, []);
});

test("the share of all is weighted by time, and none before the first interval", () => {
  expectClose([watch([10, 0.5], [30, 0.1]).share], [0.2], "share", { absolute: 1e-12 });
  assert.is(watch().share, 0);
});

test.run();
