import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openGrid } from "../../../commands/run/sampleGrid.js";
import { pixel } from "../../ui/pictures.js";

const test = suite("commands/run/sampleGrid");

const size = { height: 256, width: 256, channels: 3 } as const;
const names = (count: number) => Array.from({ length: count }, (_, i) => String(i));

test("a grid that has room for every class says nothing of it", () => {
  assert.is(openGrid([2, 0, 0, 1], { classNames: names(3), size }).part, undefined);
  assert.is(openGrid([0, 0, 0], { classNames: [], size }).part, undefined);
});

test("the first classes are shown, and no image of another is kept", () => {
  const classIds = Array.from({ length: 10_000 }, (_, i) => 999 - Math.floor(i / 10)); // the last class first
  const grid = openGrid(classIds, { classNames: names(1000), size });
  const shown = Number(/^the first (\d+) of 1,000 classes$/.exec(grid.part ?? "")?.[1]);
  assert.ok(shown >= 40 && shown < 50, grid.part);
  const grey = new Float32Array(256 * 256 * 3).fill(0.4);
  grid.offer(9_999, grey); // the tenth of class 0
  grid.offer(0, grey); // of class 999
  const picture = grid.draw();
  const { width, height } = picture;
  assert.ok(width * height <= 2 ** 25 && height >= shown * 256);
  const [right, bottom] = [width - 20, height - 20];
  assert.equal(pixel(picture, right, 20), [102, 102, 102]);
  assert.equal(pixel(picture, right - 260, 20), [0, 0, 0]);
  assert.equal(pixel(picture, right, bottom), [0, 0, 0]);
});

test("few images a class leave room for more classes", () => {
  assert.is(openGrid(names(300).map(Number), { classNames: names(300), size }).part, undefined);
});

test("a row is shown however large its images, and so are the first images without a class", () => {
  const large = { height: 8192, width: 8192, channels: 1 } as const;
  assert.is(openGrid([0, 1], { classNames: names(2), size: large }).part, "the first 1 of 2 classes");
  const many = new Array<number>(1000).fill(0);
  assert.is(openGrid(many, { classNames: [], size }).part, "the first 400 of 1,000 images");
  const wide = { height: 1024, width: 1024, channels: 1 } as const;
  assert.is(openGrid(many.slice(0, 50), { classNames: [], size: wide }).part, "the first 30 of 50 images");
});

test.run();
