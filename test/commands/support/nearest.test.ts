import { suite } from "uvu";
import * as assert from "uvu/assert";
import { didYouMean, nearest } from "../../../commands/support/nearest.js";

const test = suite("commands/support/nearest");
const names = ["batchSize", "learningRate", "lr", "warmupSteps", "steps"];

test("case and dashes make no difference", () => {
  assert.is(nearest("batch-size", names), "batchSize");
  assert.is(nearest("a_b-c", ["abc"]), "abc");
  assert.is(nearest("BATCHSIZE", names), "batchSize");
});

test("a typing error is forgiven: one letter more, less, other, or two swapped", () => {
  for (const typed of ["batchSizes", "batchSze", "bathcSize", "batchSixe"])
    assert.is(nearest(typed, names), "batchSize");
});

test("two swapped letters count as one edit", () => {
  assert.is(nearest("ab", ["ba"]), "ba"); // two replacements would be too many
});

test("the nearest of several wins", () => {
  assert.is(nearest("stesp", ["stops", "steps"]), "steps");
});

test("the beginning of a long name finds it", () => {
  assert.is(nearest("learning", names), "learningRate");
  assert.is(nearest("warm", names), "warmupSteps");
});

test("nothing is offered for a name like no other", () => {
  assert.is(nearest("temperature", names), undefined);
  assert.is(nearest("x", ["abc"]), undefined);
  assert.is(nearest("any", []), undefined);
});

test("the question is asked only when there is an answer", () => {
  assert.is(
    didYouMean("stepps", names, (name) => `--${name}`),
    "; did you mean --steps?",
  );
  assert.is(didYouMean("zzz", names), "");
});

test.run();
