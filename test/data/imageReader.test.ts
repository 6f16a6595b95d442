import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ImageReader } from "../../lib/data/imageReader.js";
import { openSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { DataError } from "../../lib/errors.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";

const test = suite("image reader");

const view = centredView({ size: 8, channels: 3 });
const [RESIZED, DECODED] = [
  { resized: true, decoded: false },
  { resized: false, decoded: true },
];

/** A folder with `sound` good images and files of text called bad0.png, bad1.png, ... */
async function folderWith(root: string, sound: number, bad: number): Promise<void> {
  for (let i = 0; i < sound; i++) await copyFile(fixture("photos-mini", "cat.jpg"), path.join(root, `good${i}.jpg`));
  for (let i = 0; i < bad; i++) await writeFile(path.join(root, `bad${i}.png`), "text");
}

test("a damaged image is undefined, and named once however often it is read", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 1, 1);
    const told: string[] = [];
    const source = await openSource(root);
    const reader = new ImageReader({ source, onDamaged: (name, reason) => told.push(`${name}: ${reason}`) });
    const read = await Promise.all([reader.read(0, view), reader.read(0, view), reader.read(1, view)]);
    assert.equal(
      read.map((pixels) => pixels?.length),
      [undefined, undefined, 192],
    );
    assert.is(await reader.read(0, view), undefined);
    assert.equal(told, ["bad0.png: not an image of a format that is read"]);
    assert.equal(reader.damaged, [{ name: "bad0.png", reason: "not an image of a format that is read" }]);
  }));

test("strict makes the first damaged image an error that names it", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 1, 1);
    const reader = new ImageReader({ source: await openSource(root), strict: true });
    await expectRejection(
      reader.read(0, view),
      DataError,
      /cannot read bad0\.png in .*: not an image .*; without --strict/,
    );
    assert.is((await reader.read(1, view))?.length, 192);
  }));

test("when no image is sound, every read says so", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 0, 2);
    const reader = new ImageReader({ source: await openSource(root) });
    assert.is(await reader.read(0, view), undefined);
    await expectRejection(
      reader.read(1, view),
      DataError,
      /no image of .* can be read: all 2 .*, for instance bad0\.png: not/,
    );
    await expectRejection(reader.read(0, view), DataError, /no image of/);
    const only = new ImageReader({ source: await openSource(path.join(root, "bad1.png")) });
    await expectRejection(
      only.read(0, view),
      DataError,
      /^the only image of .*bad1\.png cannot be read: bad1\.png: not/,
    );
  }));

test("kept images are decoded once, give the same pixels, and stop at the byte budget", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 2, 0);
    const source = await openSource(root);
    const direct = await new ImageReader({ source }).read(1, { ...view, flip: true });
    const roomForOne = new ImageReader({ source, keep: RESIZED, cacheBytes: 8 * 8 * 3 });
    for (const index of [1, 0]) await roomForOne.read(index, view);
    for (const file of ["good0.jpg", "good1.jpg"]) await rm(path.join(root, file));
    assert.equal(await roomForOne.read(1, { ...view, flip: true }), direct);
    assert.is(await roomForOne.read(0, view), undefined);
  }));

test("images are kept in every size that was asked for, and another size is read anew", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 1, 0);
    const source = await openSource(root);
    const sized = (shorterSide: number) => ({ ...view, shorterSide, flip: true });
    const uncached = new ImageReader({ source });
    const want = [await uncached.read(0, sized(9)), await uncached.read(0, sized(12))];
    const keeping = new ImageReader({ source, keep: RESIZED, cacheBytes: (9 * 9 + 12 * 12) * 3 });
    for (const size of [9, 12]) await keeping.read(0, sized(size));
    await rm(path.join(root, "good0.jpg"));
    assert.equal([await keeping.read(0, sized(9)), await keeping.read(0, sized(12))], want);
    await expectRejection(keeping.read(0, sized(10)), DataError, /good0\.jpg: the file is missing/);
  }));

test("an image that is enlarged can be kept both ways, within the bytes of both", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 1, 0); // 256 x 256
    const source = await openSource(root);
    const sized = (shorterSide: number) => ({ ...view, shorterSide });
    const cacheBytes = (256 ** 2 + 257 ** 2) * 3; // the first as decoded and resized, the second not resized
    const keeping = new ImageReader({ source, keep: { resized: true, decoded: true }, cacheBytes });
    const want = await new ImageReader({ source }).read(0, sized(260));
    await keeping.read(0, sized(257));
    await rm(path.join(root, "good0.jpg"));
    for (const _ of [1, 2]) assert.equal(await keeping.read(0, sized(260)), want);
    assert.is((await keeping.read(0, sized(257)))?.length, 8 * 8 * 3);
    assert.is((await keeping.read(0, sized(256)))?.length, 8 * 8 * 3);
  }));

test("what is kept as decoded gives the same pixels at any size that enlarges it, and no other view is made of it", () =>
  inTemporaryFolder(async (root) => {
    const file = path.join(root, "a.png");
    const emoji = fixture("emoji-mini", "val", "food"); // 32 x 32
    await copyFile(path.join(emoji, (await readdir(emoji))[0]!), file);
    const opened = await openSource(root);
    const sized = (shorterSide: number) => ({ ...centredView({ size: 16, channels: 3 }), shorterSide });
    const uncached = new ImageReader({ source: opened });
    const sizes = [33, 32, 40, 36, 33];
    const want = await Promise.all(sizes.map((size) => uncached.read(0, sized(size))));
    const keeping = new ImageReader({ source: opened, keep: DECODED, cacheBytes: 32 * 32 * 3 });
    assert.equal(await keeping.read(0, sized(33)), want[0]);
    await rm(file);
    for (const [i, size] of sizes.entries()) assert.equal(await keeping.read(0, sized(size)), want[i], `${size}`);
    assert.equal(keeping.damaged, []);
    await expectRejection(keeping.read(0, sized(31)), DataError, /a\.png: the file is missing/);
  }));

test("an image that a view shrinks is not kept as decoded, nor is one beyond the byte budget", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 2, 0); // 256 x 256
    const source = await openSource(root);
    const shrinking = new ImageReader({ source, keep: DECODED, cacheBytes: 2 ** 20 });
    await shrinking.read(0, { ...view, shorterSide: 256 }); // may have been shrunk to it, for all one can tell
    const poor = new ImageReader({ source, keep: DECODED, cacheBytes: 256 * 256 * 3 - 1 });
    await poor.read(1, { ...view, shorterSide: 257 });
    for (const file of ["good0.jpg", "good1.jpg"]) await rm(path.join(root, file));
    assert.is((await shrinking.read(0, { ...view, shorterSide: 256 }))?.length, undefined);
    assert.is((await poor.read(1, { ...view, shorterSide: 257 }))?.length, undefined);
  }));

test("a view out of range is no damage", async () => {
  const reader = new ImageReader({ source: await openSource(fixture("photos-mini")) });
  await expectRejection(reader.read(0, { ...view, cropX: 2 }), RangeError);
  assert.equal(reader.damaged, []);
});

test("nothing is kept unless asked for", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 2, 0);
    const reader = new ImageReader({ source: await openSource(root), cacheBytes: 2 ** 20 });
    await reader.read(0, view);
    await rm(path.join(root, "good0.jpg"));
    assert.is(await reader.read(0, view), undefined);
  }));

test.run();
