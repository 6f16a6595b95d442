import { cp, rename } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codesDigest, imagesDigest } from "../../lib/data/digest.js";
import { openSource } from "../../lib/data/source.js";
import { fixture, inTemporaryFolder } from "../support.js";
import { plainSource } from "./support.js";

const test = suite("data/digest");

test("a folder has the same digest wherever it lies, and another when a file has another name or folder", () =>
  inTemporaryFolder(async (folder) => {
    const images = path.join(folder, "images");
    const digest = async (from = images) => imagesDigest(await openSource(from));
    await cp(fixture("emoji-mini", "val"), images, { recursive: true });
    const all = await digest(fixture("emoji-mini", "val"));
    assert.match(all, /^[0-9a-f]{64}$/);
    assert.is(await digest(), all);
    const [animals, flags] = ["animals", "flags"].map((name) => path.join(images, name));
    const { name } = await openSource(animals!);
    await rename(path.join(animals!, name(0)), path.join(animals!, `other-${name(0)}`));
    const renamed = await digest();
    assert.is.not(renamed, all);
    await rename(path.join(animals!, `other-${name(0)}`), path.join(flags!, name(0)));
    assert.not.ok([all, renamed].includes(await digest()));
  }));

test("of images in memory labels and pixels count", () => {
  const source = plainSource(6);
  const digest = imagesDigest(source);
  assert.is(imagesDigest(plainSource(6)), digest);
  assert.is.not(imagesDigest(plainSource(5)), digest);
  assert.is.not(imagesDigest({ ...source, label: () => 0 }), digest);
  assert.is.not(imagesDigest({ ...source, input: (i) => source.input(i === 5 ? 4 : i) }), digest);
});

/** Rows of two codes. */
function tokens(count: number, { labels, odd = -1 }: { labels?: Int32Array; odd?: number } = {}) {
  const rows: number[] = [];
  const read = async (indices: ArrayLike<number>) => {
    rows.push(...Array.from(indices));
    return Int32Array.from({ length: 2 * indices.length }, (_, i) => (indices[i >> 1] === odd ? 9 : i & 1));
  };
  return { file: { count, labels, read }, rows };
}

test("of a small token file every code and label counts", async () => {
  const digest = await codesDigest(tokens(50).file);
  for (const odd of [0, 17, 49]) assert.is.not(await codesDigest(tokens(50, { odd }).file), digest);
  assert.is.not(await codesDigest(tokens(50, { labels: new Int32Array(50) }).file), digest);
});

test("of a large one some rows are read, the same ones every time", async () => {
  const [once, again] = [tokens(1e6), tokens(1e6)];
  assert.is(await codesDigest(once.file), await codesDigest(again.file));
  assert.equal(once.rows, again.rows);
  assert.is(once.rows.length, 1024);
  assert.ok(once.rows[0]! < 1000 && once.rows.at(-1)! > 1e6 - 1000);
});

test.run();
