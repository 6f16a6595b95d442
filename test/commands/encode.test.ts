import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../lib/files/readModel.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { namesIn, present } from "../files/support.js";
import { fixture, inTemporaryFolder } from "../support.js";
import { fail, IMAGES, jsonOf, succeed, trainVim, trainVq } from "./support/training.js";

const test = suite("commands/encode");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const tokenizer = path.join(shared, "vq");
test.before(async () => void (await succeed(trainVq(tokenizer, "--steps", "8"))));
test.after(() => rm(shared, { recursive: true, force: true }));

const encode = (data: string, out: string, ...more: string[]) => [
  ...["encode", data, "--tokenizer", tokenizer, "--out", out, "--threads", "1"],
  ...more,
];

async function rowsOf(file: string) {
  const tokens = await openTokenFile(file);
  const { count, grid, vocabulary, tokenizerHash, classNames, labels } = tokens;
  const codes = await tokens.readRange(0, count);
  await tokens.close();
  return { count, grid, vocabulary, tokenizerHash, classNames, labels: labels && [...labels], codes: [...codes] };
}

test("every image becomes a row of codes with its label; the tokenizer and the classes are in the header", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "codes.safetensors");
    const result = jsonOf(await succeed(encode(IMAGES, out, "--limit", "70", "--json")));
    const { count, grid, vocabulary, tokenizerHash, classNames, labels, codes } = await rowsOf(out);
    assert.equal([count, grid, vocabulary, classNames?.length], [70, [4, 4], 32, 10]);
    assert.is(codes.length, 70 * 16);
    assert.ok(codes.every((code) => code >= 0 && code < 32));
    assert.is(tokenizerHash, (await readModel(tokenizer)).hash);
    assert.equal([...new Set(labels)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const used = new Set(codes).size;
    assert.is(result["usage"], used / 32);
    assert.equal([result["images"], result["damaged"], result["tokensPerImage"]], [70, 0, 16]);
    assert.ok((result["perplexity"] as number) >= 1 && (result["perplexity"] as number) <= used + 1e-9);
    assert.is(result["tokenizer"], tokenizerHash);
  }));

test("the same images give the same file, whatever the batch size", () =>
  inTemporaryFolder(async (folder) => {
    const [one, other] = [path.join(folder, "one.safetensors"), path.join(folder, "other.safetensors")];
    await succeed(encode(IMAGES, one, "--limit", "20"));
    await succeed(encode(IMAGES, other, "--limit", "20", "--batch-size", "7"));
    assert.ok((await readFile(one)).equals(await readFile(other)));
  }));

test("a batch is no larger than there are images, whatever was asked for", () =>
  inTemporaryFolder(async (folder) => {
    const [one, other] = [path.join(folder, "one.safetensors"), path.join(folder, "other.safetensors")];
    await succeed(encode(IMAGES, one, "--limit", "3"));
    await succeed(encode(IMAGES, other, "--limit", "3", "--batch-size", "1000000000")); // no memory holds so many
    assert.ok((await readFile(one)).equals(await readFile(other)));
  }));

test("a residual quantizer's codes go through every command, several to a token", () =>
  inTemporaryFolder(async (folder) => {
    const of = (name: string) => path.join(folder, name);
    await succeed(trainVq(of("vq"), "--steps", "8", "--code-depth", "3"));
    const result = jsonOf(
      await succeed(["encode", IMAGES, "--tokenizer", of("vq"), "--out", of("codes"), "--limit", "24", "--json"]),
    );
    assert.is(result["tokensPerImage"], 48);
    const { grid, codes } = await rowsOf(of("codes"));
    assert.equal([grid, codes.length], [[4, 12], 24 * 48]);
    const scores = jsonOf(await succeed(["evaluate", IMAGES, "--tokenizer", of("vq"), "--limit", "24", "--json"]));
    assert.is(scores["tokensPerImage"], 48);
    assert.is(scores["usage"], result["usage"]);
    await succeed(["decode", of("codes"), "--tokenizer", of("vq"), "--out", of("decoded"), "--limit", "2"]);
    await succeed(trainVim(of("codes"), of("vim"), "--steps", "2"));
    const { codes: count, withClass } = jsonOf(await succeed(["evaluate", of("codes"), "--vim", of("vim"), "--json"]));
    assert.equal([count, (withClass as { nllByRow: number[] }).nllByRow.length], [24 * 48, 4]);
    await succeed(["sample", of("vim"), "--tokenizer", of("vq"), "--out", of("samples"), "--count", "2"]);
    for (const images of ["decoded", "samples"])
      assert.is((await readdir(of(images))).filter((name) => /^\d.*\.png$/.test(name)).length, 2, images);
  }));

test("a file that is there is kept; --force replaces it; --dry-run writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "codes.safetensors");
    const plan = jsonOf(await succeed(encode(IMAGES, out, "--limit", "5", "--dry-run", "--json")));
    assert.equal(plan, { dryRun: true, images: 5, tokensPerImage: 16 });
    assert.equal(await namesIn(folder), []);
    await writeFile(out, "mine");
    await fail(encode(IMAGES, out, "--limit", "5"), 2, /codes\.safetensors exists; --force replaces it/);
    assert.is(await readFile(out, "utf8"), "mine");
    await succeed(encode(IMAGES, out, "--limit", "5", "--force"));
    assert.is((await rowsOf(out)).count, 5);
  }));

test("damaged images are named, counted and left out; --strict ends with 3 and leaves no file", () =>
  inTemporaryFolder(async (folder) => {
    const data = path.join(folder, "data");
    await cp(fixture("emoji-mini", "val", "food"), path.join(data, "food"), { recursive: true });
    const [name] = await namesIn(path.join(data, "food"));
    const whole = await readFile(path.join(data, "food", present(name)));
    await writeFile(path.join(data, "food", "cut.png"), whole.subarray(0, whole.length / 2));
    const out = path.join(folder, "codes.safetensors");
    const finished = await succeed(encode(data, out, "--json"));
    assert.match(finished.stderr, /cut\.png: left out/);
    const result = jsonOf(finished);
    assert.equal([result["images"], result["damaged"]], [12, 1]);
    const { count, labels, classNames } = await rowsOf(out);
    assert.equal([count, labels, classNames], [12, new Array(12).fill(0), ["food"]]);
    const strict = path.join(folder, "strict.safetensors");
    await fail(encode(data, strict, "--strict"), 3, /cut\.png/);
    assert.equal(await namesIn(folder), ["codes.safetensors", "data"]);
  }));

test("no data, and no image that can be read, end with 3 and leave no file", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "codes.safetensors");
    await fail(encode(path.join(folder, "nowhere"), out), 3, /nowhere/);
    await mkdir(path.join(folder, "data"));
    await writeFile(path.join(folder, "data", "text.png"), "no image");
    await fail(
      encode(path.join(folder, "data"), out),
      3,
      /the only image of .*data cannot be read: text\.png: not an image/,
    );
    assert.equal(await namesIn(folder), ["data"]);
  }));

test("a tokenizer that is missing, unfinished or of another kind ends with 4", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "codes.safetensors");
    const using = (run: string, ...more: string[]) => ["encode", IMAGES, "-t", run, "-o", out, "--limit", "3", ...more];
    await fail(using(path.join(folder, "none")), 4, /none: no such run or model file/);
    const unfinished = path.join(folder, "unfinished");
    await cp(tokenizer, unfinished, { recursive: true });
    await rm(path.join(unfinished, "model.safetensors"));
    await fail(using(unfinished), 4, /training has not finished \(newest checkpoint: step 8\)/);
    await succeed(using(unfinished, "--checkpoint"));
    const config = path.join(unfinished, "config.json");
    const stored = JSON.parse(await readFile(config, "utf8")) as { model: object };
    await writeFile(config, JSON.stringify({ ...stored, command: "train-vim" }));
    await fail(using(unfinished, "--checkpoint", "--force"), 4, /want a model of train-vq, got one of train-vim/);
    await writeFile(config, JSON.stringify({ ...stored, model: { ...stored.model, codebookSize: 33 } }));
    await fail(using(unfinished, "--checkpoint", "--force"), 4, /quantizer\/codebook \[33, 4\], got \[32, 4\]/);
    assert.ok(existsSync(out));
  }));

test.run();
