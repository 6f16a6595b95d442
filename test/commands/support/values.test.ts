import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OptionSpec } from "../../../commands/support/options.js";
import { checkValue, parseTexts, ruleOf } from "../../../commands/support/values.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/values");

const describe = "Something";
const integer: OptionSpec = { type: "number", describe, integer: true, min: 1, max: 8 };
const open: OptionSpec = { type: "number", describe, above: 0, below: 1 };
const numbers: OptionSpec = { type: "numbers", describe, min: 0, length: 2 };
const choice: OptionSpec = { type: "string", describe, choices: ["gelu", "tanh"] };
const sizes: OptionSpec = { type: "number", describe, choices: [8, 16] };
const words: OptionSpec = { type: "strings", describe };
const flag: OptionSpec = { type: "boolean", describe };

const EMPTY_STRING = "out in run.yaml is empty: want a string, or leave it out";

const refused = async (body: () => unknown, message: string) => assert.is(await refusal(body), message);

test("texts become values of the option's type", () => {
  assert.is(parseTexts(integer, ["8"], "--n"), 8);
  assert.is(parseTexts(open, ["1e-3"], "--n"), 0.001);
  assert.is(parseTexts(choice, ["tanh"], "--n"), "tanh");
  assert.is(parseTexts(sizes, ["16"], "--n"), 16);
  assert.is(parseTexts(flag, ["false"], "--n"), false);
  assert.equal(parseTexts(numbers, ["1,2.5"], "--n"), [1, 2.5]);
  assert.equal(parseTexts(numbers, ["1", "2.5"], "--n"), [1, 2.5]);
  assert.equal(parseTexts(words, ["tench, Tinca tinca", "b"], "--n"), ["tench, Tinca tinca", "b"]);
});

test("bounds belong to the range or not, as they say", async () => {
  assert.is(checkValue(integer, 1, "n"), 1);
  assert.is(checkValue(integer, 8, "n"), 8);
  for (const out of [0, 9, 1.5])
    await refused(() => checkValue(integer, out, "n"), `n: want an integer from 1 to 8, got ${out}`);
  for (const out of [0, 1])
    await refused(() => checkValue(open, out, "n"), `n: want a number above 0 and below 1, got ${out}`);
});

test("what is no finite number is refused with the text as typed", async () => {
  const want = "--lr: want a number above 0 and below 1, got";
  await refused(() => parseTexts(open, ["fast"], "--lr"), `${want} "fast"`);
  await refused(() => parseTexts(open, ["NaN"], "--lr"), `${want} "NaN"`);
  await refused(() => parseTexts(open, ["0.5x"], "--lr"), `${want} "0.5x"`);
  await refused(() => checkValue(open, Number.NaN, "--lr"), `${want} NaN`);
  await refused(
    () => checkValue({ type: "number", describe }, Number.POSITIVE_INFINITY, "n"),
    "n: want a number, got Infinity",
  );
});

test("a missing value is named, also between commas", async () => {
  await refused(() => parseTexts(integer, [""], "--n"), "--n needs a value: an integer from 1 to 8");
  await refused(() => parseTexts(numbers, ["1,"], "--n"), '--n: want 2 numbers, each at least 0, got [1,""]');
});

test("an option of one value is given once", async () => {
  await refused(() => parseTexts(integer, ["1", "2"], "--n"), "--n was given 2 times (1, 2); give it once");
});

test("lists have the wanted length and only good items", async () => {
  await refused(() => checkValue(numbers, [1], "n"), "n: want 2 numbers, each at least 0, got [1]");
  await refused(() => checkValue(numbers, [1, -1], "n"), "n: want 2 numbers, each at least 0, got [1,-1]");
  await refused(() => checkValue(numbers, 1, "n"), "n: want 2 numbers, each at least 0, got 1");
  await refused(() => checkValue(words, ["a", 1], "n"), 'n: want a list of strings, got ["a",1]');
});

test("a value of another type is refused, whatever it could be read as", async () => {
  await refused(() => checkValue(integer, "8", "n in run.yaml"), 'n in run.yaml: want an integer from 1 to 8, got "8"');
  await refused(() => checkValue(integer, null, "n"), "n: want an integer from 1 to 8, got null");
  await refused(() => checkValue(flag, "yes", "n"), 'n: want true or false, got "yes"');
  await refused(() => checkValue(choice, 3, "n"), "n: want one of gelu, tanh, got 3");
});

test("a wrong choice is answered with the nearest", async () => {
  await refused(
    () => checkValue(choice, "glu", "--act"),
    '--act: want one of gelu, tanh, got "glu"; did you mean gelu?',
  );
  await refused(() => checkValue(sizes, 9, "--size"), "--size: want one of 8, 16, got 9");
  const parts: OptionSpec = { type: "strings", describe, choices: ["encode", "decode"] };
  await refused(
    () => checkValue(parts, ["encode", "decod"], "--parts"),
    '--parts: want strings out of encode, decode, got ["encode","decod"]; did you mean decode?',
  );
});

test("what is empty is no value, unless none at all has a meaning", async () => {
  for (const value of ["", "  "])
    await refused(() => checkValue({ type: "string", describe }, value, "out in run.yaml"), EMPTY_STRING);
  await refused(() => checkValue(words, [], "n"), "n is empty: want a list of strings, or leave it out");
  await refused(() => checkValue(words, ["a", " "], "n"), 'n: want a list of strings, got ["a"," "]');
  const list: OptionSpec = { type: "numbers", describe };
  await refused(() => checkValue(list, [], "n"), "n is empty: want a list of numbers, or leave it out");
  assert.equal(checkValue({ ...list, mayBeEmpty: true }, [], "n"), []);
  assert.equal(checkValue({ ...words, mayBeEmpty: true }, [], "n"), []);
});

test("a long value is shown in part", () => {
  assert.throws(
    () => checkValue(integer, "x".repeat(500), "n"),
    (error: Error) => error.message.length < 130 && error.message.endsWith("..."),
  );
});

test("rules read as phrases", () => {
  assert.is(ruleOf({ type: "number", describe, integer: true, min: 1 }), "an integer at least 1");
  assert.is(ruleOf({ type: "number", describe, above: 0, max: 1 }), "a number above 0 and at most 1");
  assert.is(ruleOf({ type: "numbers", describe, integer: true }), "a list of integers");
  assert.is(ruleOf({ type: "strings", describe, choices: ["a", "b"] }), "strings out of a, b");
});

test("one string may stand for a list of it, as in configs that were written when it was no list", () => {
  assert.equal(checkValue(words, "photos", "tags"), ["photos"]);
});

test.run();
