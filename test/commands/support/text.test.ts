import { suite } from "uvu";
import * as assert from "uvu/assert";
import { definitions, wrap } from "../../../commands/support/text.js";

const test = suite("commands/support/text");

test("lines are as long as the width allows and no longer", () => {
  assert.is(wrap("aa bb cc", 5), "aa bb\ncc");
  assert.is(wrap("aa bb cc", 4), "aa\nbb\ncc");
});

test("a word longer than the width stays whole, without an empty line before it", () => {
  assert.is(wrap("abcdefgh ij", 4), "abcdefgh\nij");
});

test("later lines hang, also after a line end of the text's own", () => {
  assert.is(wrap("aa bb\ncc dd", 5, "  "), "aa bb\n  cc\n  dd");
});

test("an indent is kept", () => {
  assert.is(wrap("   aa bb", 5, "   "), "   aa\n   bb");
});

test("definitions stand in two columns", () => {
  const rows = [
    ["a", "one two"],
    ["long", "three"],
  ] as const;
  assert.is(definitions(rows, 40), "  a     one two\n  long  three");
  assert.is(definitions(rows, 13), "  a     one\n        two\n  long  three");
});

test("a name longer than a third of the width has its text below", () => {
  assert.is(definitions([["a-very-long-name", "text"]], 24), "  a-very-long-name\n            text");
});

test.run();
