import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pairGrid, pictureLayout } from "../../../commands/support/pictures.js";
import { findText, pixel } from "../../ui/pictures.js";

const test = suite("commands/support/pictures");

test("a picture shows 16 to 24 images, a column a class where that fits", () => {
  for (let classes = 0; classes <= 2000; classes++) {
    const { columns, shown } = pictureLayout(classes);
    assert.ok(shown >= 16 && shown <= 24 && shown % columns === 0, `${classes} classes`);
  }
  assert.equal(pictureLayout(10), { columns: 10, shown: 20 });
  assert.is(pictureLayout(2).columns, 8);
  assert.is(pictureLayout(1000).columns, 8);
});

test("pairs stand under each other, groups of two rows below each other", () => {
  const image = (level: number) => new Uint8Array(4 * 4).fill(level);
  const pairs = [10, 20, 30].map((level) => [image(level), image(level + 100)] as const);
  const canvas = pairGrid({
    pairs,
    names: ["sample", "nearest"],
    size: { height: 4, width: 4, channels: 1 },
    columns: 2,
    columnLabels: ["cat", "dog"],
  });
  for (const [name, count] of [
    ["sample", 2],
    ["nearest", 2],
    ["cat", 1],
    ["dog", 1],
  ] as const)
    assert.is(findText(canvas, name, 2).length, count, name);
  const places = (level: number) => {
    for (let y = 0; y < canvas.height; y++)
      for (let x = 0; x < canvas.width; x++) if (pixel(canvas, x, y).every((value) => value === level)) return { x, y };
    return assert.unreachable(`level ${level} is not in the picture`) as never;
  };
  const [first, second, third] = [10, 20, 30].map(places) as [Place, Place, Place];
  assert.is(places(110).x, first.x);
  assert.ok(places(110).y > first.y);
  assert.ok(second.x > first.x && second.y === first.y);
  assert.ok(third.y > places(110).y && third.x === first.x);
});

type Place = { x: number; y: number };

test.run();
