import { parseArgs } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { casePrograms, findCase, USUAL_CASES } from "../../bench/cases.js";
import {
  SAMPLING_OPTIONS,
  STAGE1_OPTIONS,
  samplingSize,
  sizeArguments,
  stage1Losses,
  stage1Size,
} from "../../bench/options.js";
import { SMALLEST } from "../speed/support.js";

const test = suite("bench/cases");

const { channels, ...SIZE } = SMALLEST.stage1;

test("a case is run by both sides at the same size, with the other side's cache of its own", () => {
  for (const [name, cache] of [
    ["sample-8-512", "rows"],
    ["sample-base-1-16-cat", "cat"],
  ] as const) {
    const one = findCase(name);
    const { ours, theirs, computed, theirOptions } = casePrograms(one);
    assert.equal([ours, theirs, theirOptions], ["samplingStep.js", "sampling_step.py", ["--cache", cache]]);
    assert.ok(one.kind === "sampling");
    assert.equal(computed, sizeArguments(one.size));
    const defaults = Object.fromEntries(Object.entries(SAMPLING_OPTIONS).map(([key, value]) => [key, value.default]));
    const given = { ...defaults, ...Object.fromEntries(pairs(computed)) } as Parameters<typeof samplingSize>[0];
    assert.equal(samplingSize(given), one.size);
  }
});

/** `["--dim", "8"]` as `[["dim", "8"]]`. */
function pairs(options: readonly string[]): [string, string][] {
  return Array.from({ length: options.length / 2 }, (_, i) => [options[2 * i]!.slice(2), options[2 * i + 1]!]);
}

test("the options of a child process state the size and the losses of the case", () => {
  const one = findCase("stage1-full");
  assert.is(one.kind, "stage1");
  const { values } = parseArgs({ args: [...casePrograms(one).computed], options: STAGE1_OPTIONS });
  assert.equal([stage1Size(values), stage1Losses(values.losses)], [one.size, "full"]);
  const small = parseArgs({ args: sizeArguments(SIZE), options: STAGE1_OPTIONS });
  assert.equal(stage1Size(small.values), SIZE);
});

test("steps of stage 1 are measured when asked for", () => {
  assert.equal(USUAL_CASES, ["small", "small-adamw", "tiny", "tiny-adamw"]);
  assert.throws(() => findCase("stage1"), /want some of .*stage1-ae, stage1-full, .*got "stage1"/);
});

test("wrong sizes and losses are refused by name", () => {
  const { values } = parseArgs({ args: ["--vgg-scale", "2"], options: STAGE1_OPTIONS });
  assert.throws(() => stage1Size(values), /--vgg-scale: want a number above 0, at most 1, got "2"/);
  assert.throws(() => stage1Losses("all"), /--losses: want ae or full, got "all"/);
});

test.run();
