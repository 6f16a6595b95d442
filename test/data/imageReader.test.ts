import { copyFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ImageReader } from "../../lib/data/imageReader.js";
import { openSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { fixture, inTemporaryFolder } from "../support.js";
import { refusal } from "./support.js";

const test = suite("image reader");

const view = centredView({ size: 8, channels: 3 });

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
    assert.match(await refusal(reader.read(0, view)), /cannot read bad0\.png in .*: not an image .*; without --strict/);
    assert.is((await reader.read(1, view))?.length, 192);
  }));

test("when no image is sound, every read says so", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 0, 2);
    const reader = new ImageReader({ source: await openSource(root) });
    assert.is(await reader.read(0, view), undefined);
    assert.match(
      await refusal(reader.read(1, view)),
      /no image of .* can be read: all 2 .*, for instance bad0\.png: not/,
    );
    assert.match(await refusal(reader.read(0, view)), /no image of/);
  }));

test("kept images are decoded once, give the same pixels, and stop at the byte budget", () =>
  inTemporaryFolder(async (root) => {
    await folderWith(root, 2, 0);
    const source = await openSource(root);
    const direct = await new ImageReader({ source }).read(1, { ...view, flip: true });
    const roomForOne = new ImageReader({ source, keep: true, cacheBytes: 8 * 8 * 3 });
    for (const index of [1, 0]) await roomForOne.read(index, view);
    for (const file of ["good0.jpg", "good1.jpg"]) await rm(path.join(root, file));
    assert.equal(await roomForOne.read(1, { ...view, flip: true }), direct);
    assert.is(await roomForOne.read(0, view), undefined);
  }));

test("a view out of range is no damage", async () => {
  const reader = new ImageReader({ source: await openSource(fixture("photos-mini")) });
  const error = await reader.read(0, { ...view, cropX: 2 }).catch((reason: unknown) => reason);
  assert.instance(error, RangeError);
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
