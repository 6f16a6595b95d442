import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRowPrinter, formatValue } from "../../lib/ui/rows.js";

const test = suite("rows");

test("values are written by the name of their column", () => {
  const written = [
    formatValue("step", 12000),
    formatValue("loss", 0.0123),
    formatValue("loss", Number.NaN),
    formatValue("usage", 0.5),
    formatValue("usage", 1),
    formatValue("lr", 4.5e-4),
    formatValue("images/s", 123.456),
    formatValue("ETA", 200),
    formatValue("elapsed", 4.23),
    formatValue("skipped", 3),
    formatValue("note", "text"),
    formatValue("psnr", undefined),
  ];
  assert.equal(written, [
    "12000",
    "0.01230",
    "nan",
    "50.0%",
    "100.0%",
    "4.50e-4",
    "123",
    "3m 20s",
    "4.2 s",
    "3",
    "text",
    "-",
  ]);
});

test("the header comes first and again after twenty rows", () => {
  const printer = createRowPrinter();
  const headers = Array.from({ length: 45 }, (_, step) => printer.next({ step, loss: 0.5 }).header !== undefined);
  assert.equal(
    headers.flatMap((shown, i) => (shown ? [i] : [])),
    [0, 20, 40],
  );
});

test("rows stand under their header", () => {
  const printer = createRowPrinter();
  const first = printer.next({ step: 1, loss: 0.5, "images/s": 12, eta: 61 });
  const second = printer.next({ step: 100000, loss: 1.23e-5, "images/s": 1234, eta: 3599 });
  assert.is(first.header, "  step      loss  images/s      eta");
  assert.is(first.row, "     1    0.5000      12.0   1m 01s");
  assert.is(second.row, "100000  1.230e-5     1,230  59m 59s");
});

test("a column that appears later is announced and stays", () => {
  const printer = createRowPrinter();
  printer.next({ step: 1 });
  assert.equal(printer.next({ step: 2, psnr: 21.5 }), { header: "  step      psnr", row: "     2     21.50" });
  assert.equal(printer.next({ step: 3 }), { row: "     3         -" });
});

test("a value too long for its column widens it under a new header", () => {
  const printer = createRowPrinter();
  printer.next({ step: 1 });
  assert.equal(printer.next({ step: 12345678 }), { header: "    step", row: "12345678" });
});

test("a column that holds fractions keeps its decimals", () => {
  const printer = createRowPrinter();
  assert.match(printer.next({ psnr: 25.5 }).row, "25.50");
  assert.match(printer.next({ psnr: 26 }).row, "26.00");
});

test.run();
