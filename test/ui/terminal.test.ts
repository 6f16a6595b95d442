import { suite } from "uvu";
import * as assert from "uvu/assert";
import { harmless, terminalOf } from "../../lib/ui/terminal.js";

const test = suite("terminal");

const on = (env: Record<string, string>, isTTY = true) => terminalOf({ write() {}, isTTY, env });

test("lines move on a terminal that can redraw, and only there", () => {
  assert.ok(on({ TERM: "xterm" }).interactive);
  assert.not(on({ TERM: "xterm" }, false).interactive);
  assert.not(on({ TERM: "dumb" }).interactive);
  assert.not(on({ TERM: "xterm", CI: "true" }).interactive);
  assert.not(terminalOf({ write() {}, isTTY: true, env: {} }, { plain: true }).interactive);
  assert.not(terminalOf({ write() {}, env: {} }).interactive);
});

test("there is colour on a terminal unless NO_COLOR is set to something", () => {
  assert.is(on({}).paint("red", "x"), "\u001b[31mx\u001b[0m");
  assert.is(on({ NO_COLOR: "" }).paint("red", "x"), "\u001b[31mx\u001b[0m");
  assert.is(on({ NO_COLOR: "1" }).paint("red", "x"), "x");
  assert.is(on({ FORCE_COLOR: "1" }, false).paint("red", "x"), "x");
});

test("the width follows the stream and is 80 where it is unknown", () => {
  const stream = { write() {}, isTTY: true, columns: 120, env: {} };
  const terminal = terminalOf(stream);
  assert.is(terminal.columns(), 120);
  stream.columns = 60;
  assert.is(terminal.columns(), 60);
  assert.is(on({}).columns(), 80);
});

test("text cannot command the terminal", () => {
  assert.is(harmless("a\u001b[2Jb\rc\u0007\u009b\n\td é"), "a?[2Jb?c??\n\td é");
});

test.run();
