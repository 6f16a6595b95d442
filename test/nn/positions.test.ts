import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import { sinCosPositions } from "../../lib/nn/positions.js";
import { expectClose, fixture } from "../support.js";

const test = suite("nn/positions");

test("a worked example of width 8: frequencies 1 and 1/100", () => {
  const table = sinCosPositions(2, 3, 8);
  assert.is(table.length, 2 * 3 * 8);
  const row = (token: number) => table.slice(token * 8, token * 8 + 8);
  const { sin, cos } = Math;
  expectClose(row(0), [0, 0, 1, 1, 0, 0, 1, 1], "x = 0, y = 0", { absolute: 1e-7 });
  expectClose(row(2), [sin(2), sin(0.02), cos(2), cos(0.02), 0, 0, 1, 1], "x = 2, y = 0", { absolute: 1e-7 });
  expectClose(row(4), [sin(1), sin(0.01), cos(1), cos(0.01), sin(1), sin(0.01), cos(1), cos(0.01)], "x = 1, y = 1", {
    absolute: 1e-7,
  });
});

for (const [dim, rows, columns] of [
  [32, 4, 4],
  [16, 2, 3],
  [8, 5, 2],
] as const)
  test(`the table of ${rows} x ${columns} tokens of width ${dim} is the reference's`, async () => {
    const { tensors } = await readHostTensors(fixture("golden", "posembed.safetensors"));
    const want = tensors[`posembed.dim${dim}.h${rows}.w${columns}`]!.data;
    expectClose(sinCosPositions(rows, columns, dim), want, "table", { absolute: 1e-6 });
  });

test("no two tokens of a 32 x 32 grid have the same position, and all have the same length", () => {
  const table = sinCosPositions(32, 32, 16);
  const rows = Array.from({ length: 1024 }, (_, i) => table.slice(i * 16, (i + 1) * 16));
  assert.is(new Set(rows.map(String)).size, 1024);
  for (const row of rows) expectClose([row.reduce((sum, v) => sum + v * v, 0)], [8], "length", { absolute: 1e-5 });
});

test("a width that four does not divide is refused", () => {
  assert.throws(
    () => sinCosPositions(2, 2, 6),
    (error: unknown) => error instanceof RangeError && /width divisible by 4, got 6/.test(error.message),
  );
});

test.run();
