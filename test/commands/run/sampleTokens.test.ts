import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../../lib/files/readModel.js";
import { openTokenFile } from "../../../lib/files/tokenFile.js";
import { inTemporaryFolder } from "../../support.js";
import { drawableVim } from "../support/drawableVim.js";
import { fail, succeed, trainVim } from "../support/training.js";

const test = suite("commands/run/sampleTokens");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const { vim, tokenizer } = await drawableVim(shared);
test.after(() => rm(shared, { recursive: true, force: true }));

const bytesOf = (folder: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => readFile(path.join(folder, `00000${i}.png`), "base64")));

test("the codes of the images, with their classes, decode to the same images and train a VIM", () =>
  inTemporaryFolder(async (folder) => {
    const [images, codes, again] = ["images", "codes.safetensors", "again"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await succeed(["sample", vim, "-o", images, "--count", "6", "--tokens-out", codes, "--threads", "1"]);
    const file = await openTokenFile(codes);
    assert.equal([...file.labels!], [0, 0, 0, 1, 1, 1]);
    assert.equal(file.classNames, ["bag", "boot"]);
    assert.is(file.tokenizerHash, (await readModel(tokenizer)).hash);
    assert.ok(new Set(await file.readRange(0, 6)).size > 4, "the codes vary");
    await file.close();
    await succeed(["decode", codes, "-o", again, "--threads", "1"]);
    assert.equal(await bytesOf(again, 6), await bytesOf(images, 6));
    await succeed(trainVim(codes, path.join(folder, "vim"), "--steps", "1"));
  }));

test("images without a class have no labels; a file that is there stays, and nothing is drawn", () =>
  inTemporaryFolder(async (folder) => {
    const [images, codes] = [path.join(folder, "images"), path.join(folder, "codes.safetensors")];
    const args = ["sample", vim, "-o", images, "--unconditional", "--count", "2", "--tokens-out", codes];
    await succeed([...args, "--threads", "1"]);
    const file = await openTokenFile(codes);
    assert.equal([file.count, file.labels, file.classNames], [2, undefined, undefined]);
    await file.close();
    await writeFile(codes, "mine");
    await fail([...args.with(3, path.join(folder, "more"))], 2, /--tokens-out: .*codes\.safetensors exists; --force/);
    assert.is(await readFile(codes, "utf8"), "mine");
  }));

test("codes are kept even where an image cannot be written; a file in place of the folder is refused at once", () =>
  inTemporaryFolder(async (folder) => {
    const [images, codes, odd] = ["images", "codes.safetensors", "odd"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(path.join(images, "000001.png"), { recursive: true }); // a folder, which no image replaces
    const args = (out: string) => ["sample", vim, "-o", out, "--count", "2", "--tokens-out", codes, "--threads", "1"];
    await fail([...args(images), "--force"], 4, /000001\.png: cannot be written/);
    const file = await openTokenFile(codes);
    assert.is(file.count, 2);
    await file.close();
    await writeFile(odd, "mine");
    await fail([...args(odd), "--force"], 2, /--out: .*odd is a file/);
  }));

test.run();
