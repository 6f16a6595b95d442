import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodePng } from "../../lib/ui/canvas.js";
import { drawGrid, imageGrid, rowsWithin } from "../../lib/ui/imageGrid.js";
import { expectThrow, fixture } from "../support.js";
import { decodePng, findText, pixel } from "./pictures.js";

const test = suite("image grid");

const dot = { height: 1, width: 1, channels: 1 };
const MARGIN = 16;

test("images stand in reading order, a gap apart, inside the margin", () => {
  const grid = imageGrid({ images: Uint8Array.of(10, 20, 30, 40, 50), size: dot, columns: 3, scale: 8, gap: 2 });
  assert.equal([grid.width, grid.height], [2 * MARGIN + 3 * 8 + 2 * 2, 2 * MARGIN + 2 * 8 + 2]);
  for (let i = 0; i < 5; i++) {
    const [left, top] = [MARGIN + (i % 3) * 10, MARGIN + Math.floor(i / 3) * 10];
    const value = 10 * (i + 1);
    assert.equal(pixel(grid, left, top), [value, value, value], `first pixel of ${i}`);
    assert.equal(pixel(grid, left + 7, top + 7), [value, value, value], `last pixel of ${i}`);
  }
  assert.equal(pixel(grid, MARGIN + 24, MARGIN + 14), [255, 255, 255], "the sixth place is blank");
  assert.equal(pixel(grid, 0, 0), [255, 255, 255]);
});

test("floats are clamped to 0..1 and rounded", () => {
  const images = Float32Array.of(-3, 0, 0.5, 1, 7, 100 / 255);
  const grid = imageGrid({ images, size: dot, columns: 6, scale: 1, gap: 3 });
  const values = Array.from({ length: 6 }, (_, i) => pixel(grid, MARGIN + 4 * i, MARGIN)[0]);
  assert.equal(values, [0, 0, 128, 255, 255, 100]);
});

test("small images grow by whole factors to a pleasant size and large ones stay as they are", () => {
  const side = (pixels: number) => {
    const size = { height: pixels, width: pixels, channels: 1 };
    return imageGrid({ images: new Uint8Array(pixels * pixels), size, columns: 1 }).width - 2 * MARGIN;
  };
  assert.equal([8, 16, 28, 32, 64, 128, 256].map(side), [88, 80, 84, 96, 64, 128, 256]);
});

test("as many rows as fit within so many pixels", () => {
  const size = { height: 10, width: 20, channels: 1 };
  const grid = (rows: number) => {
    const layout = { size, columns: 3, scale: 2, rowLabels: new Array<string>(rows).fill("a label") };
    return imageGrid({ ...layout, images: new Uint8Array(3 * rows * 200) });
  };
  const layout = { size, columns: 3, scale: 2, rowLabels: ["a label"] };
  for (const rows of [1, 2, 7]) {
    const { width, height } = grid(rows);
    assert.is(rowsWithin(width * height, layout), rows);
    assert.is(rowsWithin(width * height - 1, layout), rows - 1);
  }
});

test("real images come back from the PNG pixel by pixel", async () => {
  const file = readFileSync(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  const images = new Uint8Array(gunzipSync(file).subarray(16, 16 + 6 * 784));
  const size = { height: 28, width: 28, channels: 1 };
  const picture = await decodePng(await encodePng(imageGrid({ images, size, columns: 3 })));
  for (let i = 0; i < images.length; i += 13) {
    const [image, y, x] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28];
    const left = MARGIN + (image % 3) * 88 + 3 * x;
    const top = MARGIN + Math.floor(image / 3) * 88 + 3 * y;
    assert.is(pixel(picture, left + 2, top + 2)[1], images[i], `image ${image} at (${x}, ${y})`);
  }
});

test("title, row and column labels stand at their places", () => {
  const size = { height: 40, width: 40, channels: 3 };
  const images = new Uint8Array(4 * 4800).fill(200);
  const grid = imageGrid({
    images,
    size,
    columns: 2,
    scale: 1,
    title: "Both",
    rowLabels: ["cat", "dog"],
    columnLabels: ["a", "b"],
  });
  const [title] = findText(grid, "Both", 2);
  const [cat] = findText(grid, "cat", 2);
  const [dog] = findText(grid, "dog", 2);
  const [a] = findText(grid, "a", 2).filter(({ x }) => x > 60);
  const [b] = findText(grid, "b", 2);
  assert.equal(title, { x: MARGIN, y: MARGIN });
  assert.ok(cat && dog && a && b);
  const left = grid.width - MARGIN - 2 * 40 - 4;
  assert.is(dog.y - cat.y, 44, "labels are one row apart");
  assert.ok(cat.x >= MARGIN && cat.x < left);
  assert.is(b.x - a.x, 44, "labels are one column apart");
  assert.ok(a.x > left && a.x < left + 40 && a.y < cat.y);
});

test("column labels too wide for their tile are written smaller, then cut", () => {
  const size = { height: 28, width: 28, channels: 1 };
  const images = new Uint8Array(784).fill(200);
  const small = imageGrid({ images, size, columns: 1, columnLabels: ["top-k 100"] });
  assert.is(findText(small, "top-k 100", 1).length, 1);
  const cut = imageGrid({ images, size, columns: 1, columnLabels: ["temperature 0.9, top-k 100"] });
  assert.is(findText(cut, "temperatur", 1).length, 1);
  assert.is(findText(cut, "top-k", 1).length, 0);
});

test("a batch that does not hold whole images, or an impossible grid, is refused", () => {
  const size = { height: 2, width: 2, channels: 3 };
  const images = new Uint8Array(12);
  const message = (body: () => unknown) => expectThrow(body, RangeError).message;
  assert.match(
    message(() => imageGrid({ images: new Uint8Array(13), size, columns: 1 })),
    "want images [N, 2, 2, 3], got 13 values",
  );
  assert.match(
    message(() => imageGrid({ images, size: { ...size, channels: 4 }, columns: 1 })),
    "want 1 or 3 channels, got 4",
  );
  assert.match(
    message(() => imageGrid({ images, size, columns: 0 })),
    "columns to be a whole number above 0, got 0",
  );
  assert.match(
    message(() => imageGrid({ images, size, columns: 1, scale: 1.5 })),
    "scale to be a whole number above 0, got 1.5",
  );
  assert.match(
    message(() => drawGrid({ images, size, rows: [[0, 1]] })),
    "image 1 of 1 does not exist",
  );
});

test("no images make a blank picture", () => {
  const grid = imageGrid({
    images: new Float32Array(0),
    size: { height: 4, width: 4, channels: 1 },
    columns: 3,
    scale: 1,
  });
  assert.ok(grid.data.every((value) => value === 255));
});

test.run();
