import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imagesOf, thinnedTable } from "../../lib/data/fileTable.js";
import { openSource, type ReadableImages } from "../../lib/data/source.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("tables of files");

const FILES = ["a/1.png", "b/deep/x.jpg", "b/\u00e9\u00e8.png", "b/z.png", "c/\u{1f600}.png"];

async function withSource(body: (source: Awaited<ReturnType<typeof openSource>>, root: string) => void): Promise<void> {
  await inTemporaryFolder(async (root) => {
    for (const file of FILES) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), "");
    }
    body(await openSource(root), root);
  });
}

const described = ({ count, name, label, input }: ReadableImages) =>
  Array.from({ length: count }, (_, i) => [name(i), label(i), input(i)]);

test("a table that was cloned lists what the source has: paths, classes, names of more bytes than characters", () =>
  withSource((source, root) => {
    const images = imagesOf(structuredClone(source.files!));
    assert.is(images.path, root);
    assert.is(images.count, FILES.length);
    assert.equal(described(images), described(source));
    const byName = described(images).map(([name, label]) => [name, label]);
    assert.equal(byName, [
      ["a/1.png", 0],
      ["b/z.png", 1],
      ["b/\u00e9\u00e8.png", 1],
      ["b/deep/x.jpg", 1],
      ["c/\u{1f600}.png", 2],
    ]);
  }));

test("names and numbers lie on memory that a clone shares", () =>
  withSource(({ files }) => {
    const clone = structuredClone(files!);
    for (const part of ["names", "ends", "folderOf", "labels"] as const) {
      files![part]![0] = 7;
      assert.is(clone[part]![0], 7, part);
    }
  }));

test("places of places are places of all files", () =>
  withSource((source) => {
    const some = thinnedTable(source.files!, [4, 1, 3]);
    assert.equal(
      described(imagesOf(some)),
      [4, 1, 3].map((i) => described(source)[i]),
    );
    assert.equal(
      described(imagesOf(thinnedTable(some, [2, 0]))),
      [3, 4].map((i) => described(source)[i]),
    );
  }));

test.run();
