import { writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSampleFolder } from "../../../commands/run/sampleFolder.js";
import { numberedName, writeImage } from "../../../commands/support/images.js";
import { DataError, FileError } from "../../../lib/errors.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";

const test = suite("commands/run/sampleFolder");

const grey = { height: 4, width: 4, channels: 1 } as const;
const index = (folder: string, content: unknown) => writeFile(path.join(folder, "index.json"), JSON.stringify(content));

test("samples are read with their classes, size and channels", () =>
  inTemporaryFolder(async (folder) => {
    const raw = { width: 4, height: 4, channels: 1 } as const;
    await sharp(new Uint8Array(16), { raw })
      .toColourspace("b-w")
      .png()
      .toFile(path.join(folder, numberedName(0)));
    await index(folder, {
      images: [
        { file: "000000.png", class: 2, className: "dog", seed: 1 },
        { file: "000001.png", class: 0, className: "bird", seed: 2 },
        { file: "000002.png", class: null, className: null, seed: 3 },
      ],
    });
    const { source, size, channels } = await openSampleFolder(folder);
    assert.equal([size, channels, source.count], [4, 1, 3]);
    assert.equal([0, 1, 2].map(source.label), [2, 0, -1]);
    assert.equal(source.classNames, ["bird", "1", "dog"]);
    assert.equal(source.input(1), { file: path.join(folder, "000001.png") });
  }));

test("samples without a class have no class names", () =>
  inTemporaryFolder(async (folder) => {
    await writeImage(path.join(folder, numberedName(0)), new Float32Array(48), { ...grey, channels: 3 });
    await index(folder, { images: [{ file: "000000.png", class: null, className: null, seed: 1 }] });
    const { source, channels } = await openSampleFolder(folder);
    assert.is(source.classNames, undefined);
    assert.is(channels, 3);
  }));

test("a folder without an index, or with a damaged one, is an error that says so", () =>
  inTemporaryFolder(async (folder) => {
    await expectRejection(openSampleFolder(folder), FileError, /index\.json: cannot be read.*vitvq sample/);
    await writeFile(path.join(folder, "index.json"), "{");
    await expectRejection(openSampleFolder(folder), FileError, /not JSON/);
    for (const images of [
      undefined,
      [{ file: "a.png" }],
      [{ file: "../a.png", class: 0 }],
      [{ file: "a.png", class: -1 }],
    ]) {
      await index(folder, { images });
      await expectRejection(openSampleFolder(folder), FileError, /want \{ images/);
    }
    await index(folder, { images: [] });
    await expectRejection(openSampleFolder(folder), DataError, /lists no samples/);
    await index(folder, { images: [{ file: "a.png", class: 0 }] });
    await expectRejection(openSampleFolder(folder), DataError, /cannot read sample/);
    await writeImage(path.join(folder, "a.png"), new Float32Array(8), { ...grey, height: 2 });
    await expectRejection(openSampleFolder(folder), DataError, /square samples, got 4 x 2/);
  }));

test.run();
