import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTokenizer } from "../../commands/support/models.js";
import { sequentialBatches } from "../../lib/data/batches.js";
import { openSource } from "../../lib/data/source.js";
import { openEngine } from "../../lib/engine/open.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { createEncoder } from "../../lib/sample/codec.js";
import { namesIn } from "../files/support.js";
import { EMOJI } from "./support/realCodes.js";
import { writeTokenizer } from "./support/smallTokenizer.js";
import { fail, jsonOf, succeed, trainVim } from "./support/training.js";

const test = suite("commands/encode, several views");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const at = (name: string) => path.join(shared, name);
const tokenizer = await writeTokenizer(at("vq"));
test.after(() => rm(shared, { recursive: true, force: true }));

const SIZE = 32;

const encode = (out: string, ...more: string[]) => [
  ...["encode", EMOJI.val, "-t", tokenizer, "-o", at(out), "--threads", "1"],
  ...more,
];

async function rowsOf(file: string) {
  const tokens = await openTokenFile(at(file));
  const codes = await tokens.readRange(0, tokens.count);
  await tokens.close();
  return { ...tokens, codes };
}

/** Codes of the first images, plain or mirrored by hand. */
async function codesOf(count: number, mirrored: boolean): Promise<Int32Array> {
  const [source, engine] = [await openSource(EMOJI.val), await openEngine("onnxruntime", { threads: 1 })];
  const view = { size: SIZE, channels: 3 } as const;
  const encoder = await createEncoder({ engine, ...(await loadTokenizer(tokenizer)), batchSize: 4 });
  let codes = new Int32Array(0);
  for await (const { images } of sequentialBatches({ source, view, batchSize: count, limit: count })) {
    const turned = images.map((_, i) => {
      const [row, x, c] = [Math.floor(i / (3 * SIZE)), Math.floor(i / 3) % SIZE, i % 3];
      return images[(row * SIZE + (SIZE - 1 - x)) * 3 + c]!;
    });
    codes = new Int32Array(await encoder.encode(mirrored ? turned : images));
  }
  await encoder.close();
  return codes;
}

test("two views with --flip are each image and its mirror image, and usage counts both", async () => {
  const result = jsonOf(await succeed(encode("flip", "--views", "2", "--flip", "--limit", "10", "--json")));
  assert.equal([result["images"], result["views"], result["rows"]], [10, 2, 20]);
  const { count, viewsPerImage, labels, codes, extra } = await rowsOf("flip");
  assert.equal([count, viewsPerImage, extra["augmentation"]], [20, 2, "first plain, then mirrored"]);
  const [plain, mirrored] = [await codesOf(10, false), await codesOf(10, true)];
  assert.not.equal(plain, mirrored);
  for (let image = 0; image < 10; image++) {
    assert.equal(codes.slice(32 * image, 32 * image + 16), plain.slice(16 * image, 16 * image + 16), `${image}`);
    assert.equal(
      codes.slice(32 * image + 16, 32 * image + 32),
      mirrored.slice(16 * image, 16 * image + 16),
      `${image}`,
    );
  }
  assert.ok(labels?.every((label, row) => label === labels[row - (row % 2)]));
  assert.is(result["usage"], new Set(codes).size / 16);
  const one = jsonOf(await succeed(encode("one", "--limit", "10", "--json")));
  assert.ok((result["usage"] as number) >= (one["usage"] as number));
});

const RANDOM = ["--views", "3", "--crop", "random", "--crop-scale", "1,1.5", "--flip"];

test("random views are those of the seed, whatever batch size and limit", async () => {
  await succeed(encode("a", ...RANDOM, "--seed", "4", "--limit", "6"));
  await succeed(encode("b", ...RANDOM, "--seed", "4", "--limit", "6", "--batch-size", "7"));
  assert.ok((await readFile(at("a"))).equals(await readFile(at("b"))));
  await succeed(encode("more", ...RANDOM, "--seed", "4", "--limit", "9"));
  await succeed(encode("other", ...RANDOM, "--seed", "5", "--limit", "6"));
  const [six, more, other] = [await rowsOf("a"), await rowsOf("more"), await rowsOf("other")];
  assert.equal([six.count, more.count], [18, 27]);
  assert.equal(more.codes.slice(0, six.codes.length), six.codes);
  assert.not.equal(other.codes, six.codes);
  const plain = await codesOf(6, false);
  for (const { codes } of [six, other])
    for (let image = 0; image < 6; image++)
      assert.equal(codes.slice(48 * image, 48 * image + 16), plain.slice(16 * image, 16 * image + 16));
  assert.match(six.extra["augmentation"]!, /random crop of 1 to 1\.5 sizes, random flip, seed 4/);
});

test("what comes after takes such a file: decode row by row, train-vim with what it is", async () => {
  await succeed(encode("c", ...RANDOM, "--limit", "6"));
  await succeed(["decode", at("c"), "--out", at("decoded"), "--from", "15"]);
  assert.equal(await namesIn(at("decoded")), ["000015.png", "000016.png", "000017.png"]);
  await succeed(trainVim(at("c"), at("vim"), "--steps", "2"));
  const { data, tokenizer: made } = JSON.parse(await readFile(path.join(at("vim"), "config.json"), "utf8")) as {
    data: Record<string, unknown>;
    tokenizer: Record<string, unknown>;
  };
  assert.equal([data["rows"], data["viewsPerImage"]], [18, 3]);
  assert.match(String(data["augmentation"]), /^first plain, then random crop/);
  assert.is(made["augmentation"], undefined, "the tokenizer has no part in it");
});

test("views that cannot differ are refused or told", async () => {
  await fail(encode("none", "--flip"), 2, /^vitvq: --flip: changes nothing here; it wants --views 2 or more/);
  await fail(encode("none", "--views", "2"), 2, /--views: 2 views of an image would be alike/);
  const { stdout, stderr } = await succeed(encode("square", "--views", "2", "--crop", "random", "--limit", "3"));
  assert.match(stdout, /6 rows of 16 codes, 2 of each of 3 images; usage .* in 6 rows\)/);
  assert.match(stderr, /warning: all views of an image have the same codes; .* --crop-scale above 1/);
  const plan = jsonOf(await succeed(encode("none", "--views", "2", "--flip", "--dry-run", "--json")));
  assert.equal(plan, { dryRun: true, images: 60, views: 2, rows: 120, tokensPerImage: 16 });
});

test.run();
