import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Canvas } from "../../lib/ui/canvas.js";
import { classGrid, comparisonGrid } from "../../lib/ui/gridCompositions.js";
import { findText, pixel } from "./pictures.js";

const test = suite("grid compositions");

const TILE = 20;
const GAP = 4;
const size = { height: TILE, width: TILE, channels: 1 };
const style = { size, scale: 1, gap: GAP };

/** One-coloured images, one for each value. */
const plain = (values: number[]) => Uint8Array.from(values.flatMap((value) => Array<number>(TILE * TILE).fill(value)));

/** The grey value at the top left corner of a tile, counted from the right edge so that labels do not matter. */
function tileValue(grid: Canvas, at: { fromRight: number; top: number }): number | undefined {
  return pixel(grid, grid.width - 16 - TILE - at.fromRight * (TILE + GAP), at.top)[0];
}

test("reconstructions stand under their originals, group by group", () => {
  const grid = comparisonGrid({
    ...style,
    originals: plain([10, 20, 30]),
    reconstructions: plain([110, 120, 130]),
    columns: 2,
  });
  const secondGroup = 16 + 2 * (TILE + GAP) + 10;
  assert.equal(
    [1, 0].map((fromRight) => tileValue(grid, { fromRight, top: 16 })),
    [10, 20],
  );
  assert.equal(
    [1, 0].map((fromRight) => tileValue(grid, { fromRight, top: 16 + TILE + GAP })),
    [110, 120],
  );
  assert.is(tileValue(grid, { fromRight: 1, top: secondGroup }), 30);
  assert.is(tileValue(grid, { fromRight: 1, top: secondGroup - 2 }), 255, "a gap between groups");
  assert.is(tileValue(grid, { fromRight: 1, top: secondGroup + TILE + GAP }), 130);
  assert.is(tileValue(grid, { fromRight: 0, top: secondGroup }), 255, "a blank place");
  assert.is(findText(grid, "original", 2).length, 2);
  assert.is(findText(grid, "reconstruction", 2).length, 2);
  assert.is(findText(grid, "difference", 2).length, 0);
});

test("a third row shows the absolute difference of what is displayed", () => {
  const grid = comparisonGrid({
    ...style,
    originals: plain([10, 200]),
    reconstructions: Float32Array.from(plain([60, 100]), (value) => (value === 60 ? value / 255 : -1)),
    columns: 2,
    difference: true,
  });
  const third = 16 + 2 * (TILE + GAP);
  assert.equal(
    [1, 0].map((fromRight) => tileValue(grid, { fromRight, top: third })),
    [50, 200],
  );
  assert.is(findText(grid, "difference", 2).length, 1);
});

test("amplified differences say by how much, and stop at white", () => {
  const grid = comparisonGrid({
    ...style,
    originals: plain([10, 200]),
    reconstructions: plain([20, 100]),
    columns: 2,
    difference: true,
    amplify: 4,
  });
  const third = 16 + 2 * (TILE + GAP);
  assert.equal(
    [1, 0].map((fromRight) => tileValue(grid, { fromRight, top: third })),
    [40, 255],
  );
  assert.is(findText(grid, "difference x4", 2).length, 1);
});

test("batches of different sizes are not compared", () => {
  assert.throws(
    () => comparisonGrid({ ...style, originals: plain([1, 2]), reconstructions: plain([1]) }),
    /2 originals, but 1 reconstructions/,
  );
  assert.throws(
    () => comparisonGrid({ ...style, originals: plain([1]), reconstructions: plain([1]), columns: 0 }),
    /columns/,
  );
});

test("each class has a row under its name, in ascending order, as many images as asked for", () => {
  const grid = classGrid({
    ...style,
    images: plain([10, 20, 30, 40, 50]),
    labels: Int32Array.of(3, 0, 3, 3, 12),
    classNames: ["cat", "dog", "cow", "emu"],
    perClass: 2,
  });
  const row = (index: number) =>
    [1, 0].map((fromRight) => tileValue(grid, { fromRight, top: 16 + index * (TILE + GAP) }));
  assert.equal(
    [row(0), row(1), row(2)],
    [
      [20, 255],
      [10, 30],
      [50, 255],
    ],
  );
  const rowOf = (text: string) => findText(grid, text, 2).map(({ y }) => Math.floor((y - 16) / (TILE + GAP)));
  assert.equal([rowOf("cat"), rowOf("emu"), rowOf("12"), rowOf("dog")], [[0], [1], [2], []]);
});

test("every image needs a label", () => {
  assert.throws(() => classGrid({ ...style, images: plain([1, 2]), labels: [0] }), /2 images, but 1 labels/);
});

test.run();
