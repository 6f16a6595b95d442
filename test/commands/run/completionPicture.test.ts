import { suite } from "uvu";
import * as assert from "uvu/assert";
import { completionPicture } from "../../../commands/run/completionPicture.js";
import { findText, pixel } from "../../ui/pictures.js";

const test = suite("commands/run/completionPicture");

const size = { height: 4, width: 4, channels: 1 } as const;
const flat = (level: number) => new Float32Array(16).fill(level / 255);
const completions = new Float32Array([10, 20, 30, 40, 50, 60].flatMap((level) => [...flat(level)]));

test("a row has the original, what is kept of it with the rest blank, and its own completions", () => {
  const canvas = completionPicture({
    shown: [
      { row: 2, pixels: flat(103) },
      { row: 0, pixels: flat(101) },
    ],
    completions,
    ways: 2,
    keptShare: 0.25,
    labels: ["cat", "dog", "owl"],
    size,
  });
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
  const many = new Float32Array(16 * 12).fill(0.5);
  const canvas = completionPicture({
    ...{ shown: [{ row: 0, pixels: flat(9) }], completions: many, ways: 12, keptShare: 0.5, labels: [""], size },
  });
  assert.ok(findText(canvas, "10", 2).length > 0);
  assert.is(findText(canvas, "11", 2).length, 0);
});

type Place = { x: number; y: number };

/** The first pixel of a grey level. */
function find(canvas: Parameters<typeof pixel>[0], level: number): Place {
  for (let y = 0; y < canvas.height; y++)
    for (let x = 0; x < canvas.width; x++) if (pixel(canvas, x, y).every((value) => value === level)) return { x, y };
  return assert.unreachable(`level ${level} is not in the picture`) as never;
}

test.run();
