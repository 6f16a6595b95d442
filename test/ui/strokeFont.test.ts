import { suite } from "uvu";
import * as assert from "uvu/assert";
import { strokeTextWidth, textStrokes, unitOf } from "../../lib/ui/strokeFont.js";

const test = suite("stroke font");

test("straight parts are one stroke, corners are cut by diagonals, lone pixels are dots", () => {
  assert.is(textStrokes("l"), "M0.5 -6.5l0 5M0.5 -1.5l1 1");
  assert.is(textStrokes("T"), "M0.5 -6.5l4 0M2.5 -6.5l0 6");
  assert.is(textStrokes("i"), "M0.5 -6.5h.01M0.5 -4.5l0 4");
  assert.is(textStrokes("^"), "M2.5 -6.5l2 2M2.5 -6.5l-2 2");
  assert.is(textStrokes(" "), "");
});

test("a pixel reached straight gets no diagonal as well", () => {
  assert.is(textStrokes("L"), "M0.5 -6.5l0 6M0.5 -0.5l3 0");
});

test("the next glyph begins after the gap", () => {
  assert.is(textStrokes("Ti"), `${textStrokes("T")}M6.5 -6.5h.01M6.5 -4.5l0 4`);
});

test("widths grow with the size", () => {
  assert.is(strokeTextWidth("TT", 14), 11 * unitOf(14));
  assert.is(unitOf(20), 2 * unitOf(10));
});

test.run();
