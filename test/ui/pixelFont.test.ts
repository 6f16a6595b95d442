import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GLYPH_ASCENT, GLYPH_ROWS, glyphOf, textWidth, toFontText } from "../../lib/ui/pixelFont.js";

const test = suite("pixel font");

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));

test("every printable ASCII character has a glyph of its own, but for zero that looks like O", () => {
  const pictures = new Map<string, string>();
  for (const character of printable) {
    const { rows } = glyphOf(character);
    assert.is(rows.length, GLYPH_ROWS, character);
    assert.ok(
      rows.every((row) => /^[.#]{5}$/.test(row)),
      `${character} is drawn on five columns`,
    );
    const picture = rows.join("/");
    assert.is(pictures.get(picture), character === "O" ? "0" : undefined, `${character} looks like another`);
    pictures.set(picture, character);
  }
});

test("letters are where ASCII says", () => {
  assert.equal(glyphOf("T").rows.slice(0, 3), ["#####", "..#..", "..#.."]);
  assert.equal(glyphOf("_").rows[GLYPH_ASCENT], "#####");
  assert.equal(
    glyphOf("i")
      .rows.map((row) => row[0])
      .join(""),
    "#.#####..",
  );
});

test("capitals and digits stand on the baseline and descenders go below it", () => {
  const inkBelow = (character: string) =>
    glyphOf(character)
      .rows.slice(GLYPH_ASCENT)
      .some((row) => row.includes("#"));
  for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") assert.not(inkBelow(character), character);
  for (const character of "gjpqy,") assert.ok(inkBelow(character), character);
});

test("text is as wide as its glyphs and the gaps between them", () => {
  assert.is(textWidth(""), 0);
  assert.is(textWidth("T"), 5);
  assert.is(textWidth("Ti"), 5 + 1 + 1);
  assert.is(textWidth("1111"), textWidth("8888"), "digits line up");
});

test("accents are dropped and foreign characters become question marks", () => {
  assert.is(toFontText("café Ölbild"), "cafe Olbild");
  assert.is(toFontText("猫 1"), "? 1");
  assert.is(toFontText("a\nb"), "a?b");
  assert.is(glyphOf("猫"), glyphOf("?"));
});

test.run();
