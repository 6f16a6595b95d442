import { readFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writePictures } from "../../lib/speed/pictures.js";
import { SPEED_SIZES } from "../../lib/speed/sizes.js";
import { namesIn } from "../files/support.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("speed/pictures");

test("pictures have the size asked for, differ, and are the same for the same seed", () =>
  inTemporaryFolder(async (folder) => {
    const write = async (name: string, seed: number) => {
      const into = path.join(folder, name);
      await writePictures(into, { width: 40, height: 30, count: 3 }, seed);
      const names = await namesIn(into);
      assert.equal(names, ["0000.jpg", "0001.jpg", "0002.jpg"]);
      return Promise.all(names.map((file) => readFile(path.join(into, file))));
    };
    const pictures = await write("a", 1);
    const { width, height, channels, format } = await sharp(pictures[0]!).metadata();
    assert.equal([width, height, channels, format], [40, 30, 3, "jpeg"]);
    assert.not.equal(pictures[0], pictures[1]);
    assert.equal(await write("b", 1), pictures);
    assert.not.equal(await write("c", 2), pictures);
  }));

test("those of 500 x 375 weigh what photographs weigh", () =>
  inTemporaryFolder(async (folder) => {
    await writePictures(folder, { ...SPEED_SIZES.small.pictures, count: 2 }, 1);
    const { length } = await readFile(path.join(folder, "0001.jpg"));
    assert.ok(length > 50_000 && length < 200_000, `${length} bytes`);
  }));

test.run();
