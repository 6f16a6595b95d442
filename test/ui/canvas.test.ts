import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blit, createCanvas, drawText, encodePng, fillRectangle } from "../../lib/ui/canvas.js";
import { decodePng, hasText, pixel } from "./pictures.js";

const test = suite("canvas");

test("a new canvas is white, or what was asked for", () => {
  assert.equal(pixel(createCanvas({ width: 2, height: 3 }), 1, 2), [255, 255, 255]);
  assert.equal(pixel(createCanvas({ width: 2, height: 3 }, [1, 2, 3]), 1, 2), [1, 2, 3]);
});

test("sizes that are not whole numbers above zero are refused", () => {
  for (const size of [
    { width: 0, height: 1 },
    { width: 1.5, height: 1 },
    { width: 1, height: Number.NaN },
  ])
    assert.throws(() => createCanvas(size), /canvas: want whole width and height above 0, got/);
});

test("a rectangle covers its pixels and no others, and is cut at the edges", () => {
  const canvas = createCanvas({ width: 4, height: 3 });
  fillRectangle(canvas, { x: 2, y: 1, width: 9, height: 9 }, [9, 8, 7]);
  fillRectangle(canvas, { x: -5, y: -5, width: 6, height: 6 }, [1, 1, 1]);
  const red = [0, 1, 2].map((y) => [0, 1, 2, 3].map((x) => pixel(canvas, x, y)[0]));
  assert.equal(red, [
    [1, 255, 255, 255],
    [255, 255, 9, 9],
    [255, 255, 9, 9],
  ]);
});

test("an RGB image is copied with square pixels", () => {
  const canvas = createCanvas({ width: 6, height: 4 });
  const data = Uint8Array.of(255, 0, 0, 0, 255, 0); // red, green
  blit(canvas, { width: 2, height: 1, channels: 3, data }, { x: 1, y: 1, scale: 2 });
  for (const [x, y] of [
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ] as const)
    assert.equal(pixel(canvas, x, y), [255, 0, 0]);
  for (const [x, y] of [
    [3, 1],
    [4, 2],
  ] as const)
    assert.equal(pixel(canvas, x, y), [0, 255, 0]);
  for (const [x, y] of [
    [0, 1],
    [5, 1],
    [1, 0],
    [1, 3],
  ] as const)
    assert.equal(pixel(canvas, x, y), [255, 255, 255]);
});

test("a grey image becomes equal red, green and blue, row by row", () => {
  const canvas = createCanvas({ width: 2, height: 2 });
  blit(canvas, { width: 2, height: 2, channels: 1, data: Uint8Array.of(10, 20, 30, 40) }, { x: 0, y: 0 });
  assert.equal([...canvas.data], [10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40]);
});

test("an image that does not fit is refused", () => {
  const image = { width: 2, height: 2, channels: 1, data: new Uint8Array(4) } as const;
  for (const [x, y] of [
    [1, 0],
    [0, 1],
    [-1, 0],
    [0, -1],
  ] as const)
    assert.throws(
      () => blit(createCanvas({ width: 4, height: 4 }), image, { x, y, scale: 2 }),
      new RegExp(`a 4 x 4 image at \\(${x}, ${y}\\) leaves the 4 x 4 canvas`),
    );
});

test("text stands where it is put, by its left edge, middle or right edge", () => {
  const canvas = createCanvas({ width: 80, height: 90 });
  drawText(canvas, "Tq", { x: 3, y: 2, scale: 2 });
  drawText(canvas, "Tq", { x: 70, y: 30, scale: 2, align: "right" });
  drawText(canvas, "Tq", { x: 40, y: 60, scale: 1, align: "center" });
  assert.ok(hasText(canvas, "Tq", { x: 3, y: 2, scale: 2 }));
  assert.ok(hasText(canvas, "Tq", { x: 70 - 2 * 11, y: 30, scale: 2 }));
  assert.ok(hasText(canvas, "Tq", { x: 35, y: 60, scale: 1 }));
});

test("PNG keeps every pixel", async () => {
  const canvas = createCanvas({ width: 13, height: 7 });
  for (let i = 0; i < canvas.data.length; i++) canvas.data[i] = (i * 37) % 256;
  assert.equal(await decodePng(await encodePng(canvas)), canvas);
});

test.run();
