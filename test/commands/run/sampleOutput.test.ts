import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Drawn, writeSamples } from "../../../commands/run/sampleOutput.js";
import type { SampleConfig } from "../../../commands/sample.js";
import type { TokenizerConfig } from "../../../lib/models/tokenizer.js";
import { PLAIN_SAMPLING } from "../../../lib/sample/draw.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";

const test = suite("commands/run/sampleOutput");

const SIZE = 4;
const decoder = { imageSize: SIZE, channels: 1 } as TokenizerConfig;
const rules: Drawn["rules"] = { filters: { general: PLAIN_SAMPLING, own: new Map() }, guidance: undefined };

/** Image i is grey of i / 255 throughout; they come in parts of `together`. */
async function write(out: string, count: number, together: number): Promise<void> {
  const images = Array.from({ length: Math.ceil(count / together) }, (_, part) => {
    const own = Array.from({ length: Math.min(together, count - part * together) }, (_, i) => part * together + i);
    return Float32Array.from(own.flatMap((i) => new Array<number>(SIZE ** 2).fill(i / 255)));
  });
  const drawn = Array.from({ length: count }, (_, i) => ({ classId: i % 2, seed: i }));
  const classNames = ["even", "odd"];
  const config = { out, vim: "vim", seed: 1 } as SampleConfig;
  await writeSamples(config, { images, drawn, classNames, decoder, rejection: undefined, rules });
}

test("images that come in parts are written in order, and the grid shows the first ten of each class", () =>
  inTemporaryFolder(async (folder) => {
    const whole = path.join(folder, "whole");
    await write(whole, 25, 25);
    const parts = path.join(folder, "parts");
    await write(parts, 25, 4);
    for (let i = 0; i < 25; i++) {
      const name = `${String(i).padStart(6, "0")}.png`;
      const [first] = await sharp(path.join(parts, name)).raw().toBuffer();
      assert.is(first, i, name);
    }
    const grid = (where: string) => readFile(path.join(where, "grid.png"));
    assert.ok((await grid(whole)).equals(await grid(parts)));
    const shorter = path.join(folder, "shorter");
    await write(shorter, 20, 20);
    assert.ok((await grid(shorter)).equals(await grid(parts)), "images 20 to 24 are beyond the tenth of their class");
  }));

test("a grid of more classes than a picture has room for shows the first of them", () =>
  inTemporaryFolder(async (out) => {
    // Long names fill a picture as many large images would, in less time.
    const classNames = Array.from({ length: 300 }, (_, i) => `class ${i} of ${"many ".repeat(200)}`);
    const drawn = classNames.map((_, classId) => ({ classId, seed: 0 }));
    const images = [new Float32Array(300 * SIZE ** 2)];
    const config = { out, vim: "vim", seed: 1 } as SampleConfig;
    const part = await writeSamples(config, { images, drawn, classNames, decoder, rejection: undefined, rules });
    assert.match(part ?? "", /^the first \d+ of 300 classes$/);
    const { width, height } = await sharp(path.join(out, "grid.png")).metadata();
    assert.ok(width * height < 2 ** 25 && width * (height + 100) > 2 ** 25, `${width} x ${height}`);
    const index = JSON.parse(await readFile(path.join(out, "index.json"), "utf8")) as { images: unknown[] };
    assert.is(index.images.length, 300);
  }));

test("what an earlier call left goes, and nothing else", () =>
  inTemporaryFolder(async (folder) => {
    await write(folder, 3, 3);
    for (const name of ["notes.txt", "completions.png", "12.png"]) await writeFile(path.join(folder, name), "");
    await write(folder, 1, 1);
    assert.equal((await readdir(folder)).sort(), ["000000.png", "12.png", "grid.png", "index.json", "notes.txt"]);
  }));

test("images that cannot be made leave everything as it was", () =>
  inTemporaryFolder(async (folder) => {
    await write(folder, 3, 3);
    const before = (await readdir(folder)).sort();
    const next = () => Promise.reject(new RangeError("no memory"));
    const images = { [Symbol.asyncIterator]: () => ({ next }) };
    const drawn = [{ classId: 0, seed: 0 }];
    const config = { out: folder, vim: "vim", seed: 1 } as SampleConfig;
    const samples = { images, drawn, classNames: ["even"], decoder, rejection: undefined, rules };
    await expectRejection(() => writeSamples(config, samples), RangeError, /no memory/);
    assert.equal((await readdir(folder)).sort(), before);
  }));

test.run();
