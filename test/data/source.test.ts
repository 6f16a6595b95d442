import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSource } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";

const test = suite("image sources");

/** Makes empty files, with the folders they need. */
async function touch(root: string, ...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await writeFile(path.join(root, file), "");
  }
}

const names = ({ count, name }: { count: number; name: (i: number) => string }) =>
  Array.from({ length: count }, (_, i) => name(i));

test("emoji-mini has 5 classes of 48 training images each", async () => {
  const source = await openSource(fixture("emoji-mini", "train"));
  assert.is(source.kind, "classes");
  assert.is(source.count, 240);
  assert.equal(source.classNames, ["animals", "flags", "food", "people", "smileys"]);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < source.count; i++) {
    counts[source.label(i)]!++;
    assert.ok(source.name(i).startsWith(`${source.classNames?.[source.label(i)]}/`));
  }
  assert.equal(counts, [48, 48, 48, 48, 48]);
});

test("classes and files are sorted by code units, at any depth, whatever the file system's order", () =>
  inTemporaryFolder(async (root) => {
    await touch(root, "b/z.png", "b/10.png", "b/9.JPG", "b/deep/er/a.webp", "B/x.jpeg", "a/\u00e9.png", "a/z.tif");
    await touch(root, "c/\uff21.avif", "c/\u{1f600}.avif"); // as bytes they would sort the other way round
    const source = await openSource(root);
    assert.equal(names(source), [
      "B/x.jpeg",
      "a/z.tif",
      "a/\u00e9.png",
      "b/10.png",
      "b/9.JPG",
      "b/z.png",
      "b/deep/er/a.webp",
      "c/\u{1f600}.avif",
      "c/\uff21.avif",
    ]);
    assert.equal(source.classNames, ["B", "a", "b", "c"]);
    assert.equal(
      Array.from({ length: 9 }, (_, i) => source.label(i)),
      [0, 1, 1, 2, 2, 2, 2, 3, 3],
    );
    assert.equal(source.input(6), { file: path.join(root, "b", "deep", "er", "a.webp") });
  }));

test("a folder of images has no labels; hidden files vanish, other files and empty folders are reported", () =>
  inTemporaryFolder(async (root) => {
    await touch(root, "b.png", "a.gif", ".hidden.png", "notes.txt", "data.csv", "licences/MIT.txt", ".git/x.png");
    const source = await openSource(root);
    assert.is(source.kind, "folder");
    assert.equal(names(source), ["a.gif", "b.png"]);
    assert.is(source.label(0), -1);
    assert.is(source.classNames, undefined);
    assert.equal(source.ignored, { files: 3, pictures: 0, folders: ["licences"] });
  }));

test("folders without images beside class folders are no classes", () =>
  inTemporaryFolder(async (root) => {
    await touch(root, "cat/1.png", "cat/about.txt", "docs/readme.HEIC", "empty/.keep", "top.txt");
    const source = await openSource(root);
    assert.equal(source.classNames, ["cat"]);
    assert.equal(source.ignored, { files: 3, pictures: 1, folders: ["docs", "empty"] });
  }));

test("links are followed, but not round in circles; a broken link counts as an image", () =>
  inTemporaryFolder(async (root) => {
    await touch(root, "store/cats/1.png", "set/dogs/2.png");
    await symlink(path.join(root, "store", "cats"), path.join(root, "set", "cats"));
    await symlink(path.join(root, "set"), path.join(root, "set", "dogs", "loop"));
    await symlink(path.join(root, "nowhere.png"), path.join(root, "set", "dogs", "gone.png"));
    assert.equal(names(await openSource(path.join(root, "set"))), ["cats/1.png", "dogs/2.png", "dogs/gone.png"]);
  }));

test("one image is a source of one", async () => {
  const source = await openSource(fixture("photos-mini", "cat.jpg"));
  assert.equal([source.kind, source.count, source.name(0), source.label(0)], ["folder", 1, "cat.jpg", -1]);
  assert.equal(source.input(0), { file: fixture("photos-mini", "cat.jpg") });
});

test("a missing path, an empty folder and a mixed one are refused in words that help", () =>
  inTemporaryFolder(async (root) => {
    await expectRejection(
      openSource(path.join(root, "gone")),
      DataError,
      /cannot open data .*gone: no such file or folder/,
    );
    await mkdir(path.join(root, "empty"));
    await expectRejection(openSource(path.join(root, "empty")), DataError, /no images in .*no files.*\.png \.jpg/);
    await touch(root, "texts/a.txt", "texts/b.bmp", "texts/sub/c.doc");
    await expectRejection(
      openSource(path.join(root, "texts")),
      DataError,
      /3 other files, for instance a\.txt; .*\.webp \.avif/,
    );
    await touch(root, "mixed/1.png", "mixed/2.png", "mixed/dogs/3.png");
    await expectRejection(
      openSource(path.join(root, "mixed")),
      DataError,
      /both images \(2, for instance 1\.png\) and folders of images \(for instance dogs\)/,
    );
    const photos = openSource(fixture("photos-mini"), { labels: "labels-idx1-ubyte" });
    await expectRejection(photos, DataError, /labels file goes with an IDX file/);
  }));

test.run();
