import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pixels } from "../../lib/data/source.js";
import { centredView, checkView, cropAndFlip, toChannels } from "../../lib/data/view.js";

const test = suite("views");

/** An image whose pixel at (x, y) is 10 y + x in every channel, plus the channel. */
function ramp(width: number, height: number, channels: 1 | 3): Pixels {
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const at = Math.floor(i / channels);
    return 10 * Math.floor(at / width) + (at % width) + (i % channels);
  });
  return { pixels, width, height, channels };
}

const settings = { size: 2, channels: 1 } as const;

test("a crop is the square at its place in the slack", () => {
  const cut = (cropX: number, cropY: number) => [
    ...cropAndFlip(ramp(5, 4, 1), { ...centredView(settings), cropX, cropY }),
  ];
  assert.equal(cut(0, 0), [0, 1, 10, 11]);
  assert.equal(cut(0.5, 0.5), [12, 13, 22, 23]);
  assert.equal(cut(0.9999, 0.9999), [23, 24, 33, 34]);
  assert.equal(cut(0.25, 0), [1, 2, 11, 12]); // four places across: a quarter each
  assert.equal(cut(0, 0.7), [20, 21, 30, 31]); // three places down
});

test("flipping mirrors left and right, keeps channels in order and undoes itself", () => {
  const view = { ...centredView({ size: 3, channels: 3 }), flip: true };
  const image = ramp(3, 3, 3);
  const once = cropAndFlip(image, view);
  assert.equal([...once.subarray(0, 9)], [2, 3, 4, 1, 2, 3, 0, 1, 2]);
  const twice = cropAndFlip({ ...image, pixels: once }, view);
  assert.equal(twice, image.pixels);
});

test("a view is a copy: the source stays as it was", () => {
  const image = ramp(2, 2, 1);
  const before = Uint8Array.from(image.pixels);
  cropAndFlip(image, { ...centredView(settings), flip: true }).fill(99);
  assert.equal(image.pixels, before);
});

test("grey becomes three equal channels, colour its BT.601 luma", () => {
  const grey: Pixels = { pixels: Uint8Array.from([7, 200]), width: 2, height: 1, channels: 1 };
  assert.equal([...toChannels(grey, 3).pixels], [7, 7, 7, 200, 200, 200]);
  const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 90, 90, 90];
  const rgb: Pixels = { pixels: Uint8Array.from(colours), width: 5, height: 1, channels: 3 };
  assert.equal([...toChannels(rgb, 1).pixels], [76, 150, 29, 255, 90]);
  assert.is(toChannels(rgb, 3), rgb);
});

test("fields out of range are refused", () => {
  const view = centredView({ size: 8, channels: 3 });
  checkView(view);
  assert.throws(() => checkView({ ...view, size: 0 }), /whole size/);
  assert.throws(() => checkView({ ...view, shorterSide: 7 }), /at least 8/);
  assert.throws(() => checkView({ ...view, cropX: 1 }), /\[0, 1\)/);
  assert.throws(() => checkView({ ...view, cropY: Number.NaN }), /\[0, 1\)/);
});

test.run();
