import { suite } from "uvu";
import * as assert from "uvu/assert";
import { textTable } from "../../lib/ui/table.js";

const test = suite("table");

test("numbers are aligned at the right and text at the left", () => {
  const rows = [
    ["stage 1", 8192, "91.3%"],
    ["VIM", 12, "-"],
  ];
  const table = textTable({ header: ["model", "codes", "usage"], rows });
  assert.is(table, "model    codes  usage\nstage 1  8,192  91.3%\nVIM         12      -\n");
});

test("a column with one word in it is text", () => {
  assert.is(textTable({ rows: [["12"], ["none"], ["7"]] }), "12\nnone\n7\n");
});

test("the caller may choose a side, and rows may be short", () => {
  const table = textTable({ header: ["a", "long header"], rows: [["first", 1], ["b"]], align: ["right", "left"] });
  assert.is(table, "    a  long header\nfirst  1\n    b\n");
});

test("wide characters count as two columns", () => {
  assert.is(
    textTable({
      rows: [
        ["猫", "x"],
        ["cat", "y"],
      ],
    }),
    "猫   x\ncat  y\n",
  );
});

test("numbers are written as counts or with four digits", () => {
  assert.is(textTable({ rows: [[60000, 0.01234567]] }), "60,000  0.01235\n");
});

test("more rows than a call takes arguments are a table", () => {
  const table = textTable({ rows: new Array<string[]>(200_000).fill(["a", "b"]) });
  assert.is(table, "a  b\n".repeat(200_000));
});

test("nothing gives nothing, and a header alone is kept", () => {
  assert.is(textTable({ rows: [] }), "");
  assert.is(textTable({ header: ["a", "b"], rows: [] }), "a  b\n");
});

test.run();
