import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { readModel } from "../../lib/files/readModel.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import type { VitVqganConfig } from "../../lib/models/vitVqgan.js";
import { createDecoder } from "../../lib/sample/codec.js";
import { namesIn } from "../files/support.js";
import { inTemporaryFolder } from "../support.js";
import { fail, IMAGES, jsonOf, succeed, trainVq } from "./support/training.js";

const test = suite("commands/decode");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const [tokenizer, tokens] = [path.join(shared, "vq"), path.join(shared, "codes.safetensors")];
const ROWS = 20;
test.before(async () => {
  await succeed(trainVq(tokenizer, "--steps", "8"));
  await succeed(["encode", IMAGES, "-t", tokenizer, "-o", tokens, "--limit", String(ROWS), "--threads", "1"]);
});
test.after(() => rm(shared, { recursive: true, force: true }));

const decode = (out: string, ...more: string[]) => ["decode", tokens, "--out", out, "--threads", "1", ...more];

/** Grey levels of a PNG. */
async function pixelsOf(file: string): Promise<{ width: number; height: number; pixels: number[] }> {
  const { data, info } = await sharp(file).greyscale().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: [...data] };
}

/** What the model makes of all rows, as 0..255, an array an image. */
async function decodedByModel(): Promise<number[][]> {
  const { config, tensors } = await readModel(tokenizer);
  const file = await openTokenFile(tokens);
  const model = config["model"] as VitVqganConfig;
  const engine = await createOnnxEngine({ threads: 1 });
  const decoder = await createDecoder({ engine, model, weights: tensors, batchSize: ROWS });
  const images = await decoder.decode(await file.readRange(0, ROWS));
  await decoder.close();
  await file.close();
  const levels = Array.from(images, (value) => Math.round(255 * value));
  return Array.from({ length: ROWS }, (_, i) => levels.slice(i * 784, (i + 1) * 784));
}

test("into a folder: a PNG for every row, by its number, as the model decodes it", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "decoded");
    const result = jsonOf(await succeed(decode(out, "--batch-size", "7", "--json")));
    assert.equal(result, { out, images: ROWS, grid: false });
    const names = await namesIn(out);
    assert.equal([names.length, names[0], names[19]], [ROWS, "000000.png", "000019.png"]);
    const want = await decodedByModel();
    for (const [i, name] of names.entries()) {
      const { width, height, pixels } = await pixelsOf(path.join(out, name));
      assert.equal([width, height], [28, 28]);
      assert.ok(
        pixels.every((level, j) => Math.abs(level - want[i]![j]!) <= 1),
        name,
      );
    }
    assert.ok(new Set(want.map(String)).size > 3, "the images differ");
  }));

test("--from and --limit choose rows, which keep their numbers", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "some");
    await succeed(decode(out, "--from", "5", "--limit", "3", "--batch-size", "2"));
    assert.equal(await namesIn(out), ["000005.png", "000006.png", "000007.png"]);
    const [want, got] = [(await decodedByModel())[6]!, (await pixelsOf(path.join(out, "000006.png"))).pixels];
    assert.ok(got.every((level, j) => Math.abs(level - want[j]!) <= 1));
    await fail(decode(path.join(folder, "none"), "--from", "20"), 2, /--from: want a row below 20/);
  }));

test("into a .png: one grid", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "grid.png");
    await succeed(decode(out, "--limit", "6", "--columns", "3"));
    const { width, height, pixels } = await pixelsOf(out);
    assert.ok(width >= 84 && height >= 56 && width > height, `${width} x ${height}`);
    assert.ok(new Set(pixels).size > 10);
    const column = path.join(folder, "column.png");
    await succeed(decode(column, "--limit", "6", "--columns", "1"));
    const narrow = await pixelsOf(column);
    assert.ok(narrow.width < width && narrow.height > height);
  }));

test("a grid that is larger than a picture can be is refused before it is decoded", () =>
  inTemporaryFolder(async (folder) => {
    const many = path.join(folder, "many.safetensors");
    const given = await openTokenFile(tokens);
    const { vocabulary, grid, tokenizerHash } = given;
    await given.close();
    const file = await createTokenFile(many, { vocabulary, grid, tokenizerHash, source: "none" });
    await file.append(new Int32Array(40_000 * grid[0] * grid[1]));
    await file.finish();
    const args = ["decode", many, "-t", tokenizer, "--out", path.join(folder, "grid.png"), "--limit", "40000"];
    await fail(args, 2, /--out: a grid of 40,000 images of 28 x 28 .*; want a --limit of at most 33328, or a folder$/);
    await fail([...args, "--columns", "40000"], 2, /in 40000 columns .*; want fewer --columns, or a folder$/);
    assert.equal(await namesIn(folder), ["many.safetensors"]);
  }));

test("what is there is kept; --force replaces it", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "grid.png");
    await writeFile(out, "mine");
    await fail(decode(out), 2, /grid\.png exists; --force/);
    await fail(decode(folder), 2, /--out: .* is not empty; --force/);
    const file = path.join(folder, "file");
    await writeFile(file, "mine");
    await fail(decode(file, "--force"), 2, /file is a file; name a folder/);
    assert.is(await readFile(out, "utf8"), "mine");
    await succeed(decode(out, "--force", "--limit", "2"));
    assert.ok((await pixelsOf(out)).height >= 28);
  }));

test("--force leaves no image of an earlier call in the folder, and all else", () =>
  inTemporaryFolder(async (folder) => {
    await succeed(decode(folder, "--force", "--limit", "3"));
    await writeFile(path.join(folder, "12.png"), "mine");
    await succeed(decode(folder, "--force", "--from", "4", "--limit", "1"));
    assert.equal(await namesIn(folder), ["000004.png", "12.png"]);
  }));

test("codes of another tokenizer end with 4 and write nothing", () =>
  inTemporaryFolder(async (folder) => {
    const other = path.join(folder, "other");
    await succeed(trainVq(other, "--steps", "1", "--seed", "9"));
    const out = path.join(folder, "grid.png");
    await fail(decode(out, "--tokenizer", other), 4, /codes\.safetensors/);
    assert.equal(await namesIn(folder), ["other"]);
  }));

test("a damaged token file, another kind of file, and none at all end with 4", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "cut.safetensors");
    const bytes = await readFile(tokens);
    await writeFile(file, bytes.subarray(0, bytes.length - 10));
    const from = (source: string) => ["decode", source, "-t", tokenizer, "-o", path.join(folder, "x.png")];
    await fail(from(file), 4, /cut\.safetensors/);
    await fail(from(path.join(tokenizer, "model.safetensors")), 4, /model\.safetensors/);
    await fail(from(path.join(folder, "none.safetensors")), 4, /none\.safetensors/);
    assert.equal(await namesIn(folder), ["cut.safetensors"]);
  }));

test.run();
