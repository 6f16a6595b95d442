import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type CompletionPictureOptions, openCompletionPicture } from "../../../commands/run/completionPicture.js";
import type { Canvas } from "../../../lib/ui/canvas.js";
import { findText, pixel } from "../../ui/pictures.js";

const test = suite("commands/run/completionPicture");

const size = { height: 4, width: 4, channels: 1 } as const;
const flat = (level: number) => new Float32Array(16).fill(level / 255);
const COMPLETIONS = [10, 20, 30, 40, 50, 60].map(flat);

function drawn(options: CompletionPictureOptions, completions: readonly Float32Array[]) {
  const picture = openCompletionPicture(options);
  for (const [i, image] of completions.entries()) picture.offer(i, image);
  return picture.draw();
}

test("a row has the original, what is kept of it with the rest blank, and its own completions", () => {
  const shown = [
    { row: 2, pixels: flat(103) },
    { row: 0, pixels: flat(101) },
  ];
  const canvas = drawn({ shown, ways: 2, keptShare: 0.25, labels: ["cat", "dog", "owl"], size }, COMPLETIONS);
  for (const text of ["original", "kept", "1", "2", "owl", "cat"])
    assert.ok(findText(canvas, text, 2).length > 0, text);
  assert.is(findText(canvas, "dog", 2).length, 0);
  const [first, second] = [103, 101].map((level) => find(canvas, level));
  const step = find(canvas, 60).x - find(canvas, 50).x; // from tile to tile
  const tile = step - 4;
  const levels = ({ x, y }: Place) =>
    [0, 1, 2, 3].map((column) => [1, tile - 2].map((down) => pixel(canvas, x + column * step + 2, y + down)[0]));
  const blank = Math.floor(0.9 * 255);
  assert.equal(levels(first!), [
    [103, 103],
    [103, blank],
    [50, 50],
    [60, 60],
  ]);
  assert.equal(levels(second!), [
    [101, 101],
    [101, blank],
    [10, 10],
    [20, 20],
  ]);
  const kept = Array.from({ length: tile }, (_, y) => pixel(canvas, first!.x + step + 2, first!.y + y)[0]);
  assert.is(kept.filter((level) => level === 103).length, tile / 4);
});

test("images without a class have no labels, and only ten ways are shown", () => {
  const shown = [{ row: 1, pixels: flat(9) }];
  const completions = Array.from({ length: 24 }, (_, i) => flat(100 + i));
  const canvas = drawn({ shown, ways: 12, keptShare: 0.5, labels: ["", ""], size }, completions);
  for (const [level, there] of [
    [111, false],
    [112, true],
    [121, true],
    [122, false],
  ] as const)
    assert.is(holds(canvas, level), there, `completion ${level - 100}`);
  assert.ok(findText(canvas, "10", 2).length > 0);
  assert.is(findText(canvas, "11", 2).length, 0);
});

test("there are no more rows than a viewer opens", () => {
  const large = { height: 2048, width: 2048, channels: 1 } as const;
  const shown = [0, 1, 2].map((row) => ({ row, pixels: new Float32Array(2048 ** 2).fill((50 + row) / 255) }));
  const picture = openCompletionPicture({ shown, ways: 2, keptShare: 1, labels: ["", "", ""], size: large });
  assert.is(picture.part, "1 of 3 images");
  const canvas = picture.draw();
  assert.ok(canvas.width * canvas.height <= 2 ** 25, `${canvas.width} x ${canvas.height}`);
  assert.ok(canvas.width > 4 * 2048 && canvas.height > 2048);
  assert.equal(pixel(canvas, 1000, 1000)[0], 50);
});

type Place = { x: number; y: number };

const holds = ({ data }: Canvas, level: number): boolean => data.includes(level);

/** The first pixel of a grey level. */
function find(canvas: Parameters<typeof pixel>[0], level: number): Place {
  for (let y = 0; y < canvas.height; y++)
    for (let x = 0; x < canvas.width; x++) if (pixel(canvas, x, y).every((value) => value === level)) return { x, y };
  return assert.unreachable(`level ${level} is not in the picture`) as never;
}

test.run();
