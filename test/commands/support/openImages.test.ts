import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImages } from "../../../commands/support/openImages.js";
import { inTemporaryFolder } from "../../support.js";

const test = suite("commands/support/openImages");

/** Opens a folder of empty files of these names, and returns the warnings after the folder's name. */
const warnings = (...names: string[]): Promise<string[]> =>
  inTemporaryFolder(async (folder) => {
    for (const name of names) {
      await mkdir(path.join(folder, path.dirname(name)), { recursive: true });
      await writeFile(path.join(folder, name), "");
    }
    const found: string[] = [];
    await openImages(folder, { warn: (message) => found.push(message) });
    return found.map((message) => message.replace(`${folder}: `, ""));
  });

test("class folders without images are told, once", async () => {
  assert.equal(await warnings("cat/1.png", "dog/.keep"), ["dog has no images, so there is no such class"]);
  const many = ["a", "b", "c", "d", "e", "f", "g"].map((name) => `${name}/.keep`);
  assert.equal(await warnings("z/1.png", ...many), [
    "a, b, c, d, e and 2 other folders have no images, so there is no such class",
  ]);
});

test("pictures in formats that are not read are told, in class folders and without", async () => {
  const want = (many: string) =>
    `${many} left out for the format; read are .png .jpg .jpeg .webp .avif .tif .tiff .gif`;
  assert.equal(await warnings("cat/1.png", "cat/2.HEIC", "cat/3.bmp"), [want("2 pictures are")]);
  assert.equal(await warnings("1.png", "2.jxl"), [want("1 picture is")]);
  assert.equal((await warnings("cat/1.png", "dog/1.heic")).length, 2);
});

test("what is beside images everywhere is no reason to warn", async () => {
  assert.equal(await warnings("labels.txt", "cat/1.png", "cat/.DS_Store", "cat/1.svg", "cat/notes.csv", ".git/x"), []);
  assert.equal(await warnings("1.png", "licences/MIT.txt", ".DS_Store"), []);
});

test.run();
