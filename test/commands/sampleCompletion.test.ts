import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTokenizer, loadVim } from "../../commands/support/models.js";
import { decodeImage } from "../../lib/data/decode.js";
import { centredView } from "../../lib/data/view.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { namesIn } from "../files/support.js";
import { expectClose, inTemporaryFolder } from "../support.js";
import { EMOJI, type RealCodes, realCodes } from "./support/realCodes.js";
import { fail, jsonOf, succeed } from "./support/training.js";

const test = suite("commands/sampleCompletion");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
let made: RealCodes;
test.before(async () => {
  made = await realCodes(shared);
});
test.after(() => rm(shared, { recursive: true, force: true }));

type Entry = {
  file: string;
  class: number | null;
  className: string | null;
  seed: number;
  original: string;
  way: number;
};
type Index = { images: Entry[]; completion: Record<string, unknown>; guidance?: object };

const indexOf = async (out: string): Promise<Index> =>
  JSON.parse(await readFile(path.join(out, "index.json"), "utf8")) as Index;

const call = (out: string, ...more: string[]) => [
  "sample",
  made.vim,
  "-t",
  made.tokenizer,
  "-o",
  out,
  "--complete",
  EMOJI.val,
  "--threads",
  "1",
  ...more,
];

test("every image is completed in several ways, as its own class, with a picture and an index", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "out");
    const result = jsonOf(await succeed(call(out, "--limit", "5", "--ways", "2", "--keep", "0.25", "--json")));
    const { seconds: _, codesPerSecond: __, ...counts } = result;
    assert.equal(counts, { out, images: 10, originals: 5, damaged: 0, keptRows: 1, rows: 4 });
    const files = Array.from({ length: 10 }, (_, i) => `00000${i}.png`);
    assert.equal(await namesIn(out), [...files, "completions.png", "index.json"]);
    const { images, completion } = await indexOf(out);
    assert.equal(
      images.map(({ file }) => file),
      files,
    );
    assert.equal(
      images.map(({ way }) => way),
      [1, 2, 1, 2, 1, 2, 1, 2, 1, 2],
    );
    const folders = ["animals", "flags", "food", "people", "smileys"]; // the VIM only numbers its classes
    for (const { original, class: label } of images) assert.is(folders[label!], original.split("/")[0]);
    assert.equal(completion, { originals: path.resolve(EMOJI.val), keptRows: 1, rows: 4, ways: 2, resize: "cover" });
  }));

test("a completion is what the sampler draws after the image's own first rows, with guidance and filters", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "out");
    const flags = ["--limit", "5", "--ways", "3", "--guidance", "3", "--guidance-schedule", "linear", "--top-k", "6"];
    await succeed(call(out, ...flags, "--class-filter", "2:temperature=0.7"));
    const { images, guidance } = await indexOf(out);
    assert.equal(guidance, { scale: 3, schedule: "linear" });
    const entry = images.find((image) => image.class === 2 && image.way === 3)!;
    const own = { temperature: 0.7, topK: 6, topP: 1 };
    assert.equal(
      images.filter((image) => "filter" in image).map((image) => image.class),
      [2, 2, 2],
    );
    const [{ model, weights }, tokenizer] = [await loadVim(made.vim), await loadTokenizer(made.tokenizer)];
    const engine = await createOnnxEngine({ threads: 1 });
    const codec = { engine, ...tokenizer, batchSize: 1 };
    const view = centredView({ size: 32, channels: 3 });
    const pixels = await decodeImage({ file: path.join(EMOJI.val, entry.original) }, view);
    const encoder = await createEncoder(codec);
    const prefix = (await encoder.encode(Float32Array.from(pixels, (value) => value / 255))).slice(0, 8);
    const guided = { engine, model, weights, guidance: { scale: 3, schedule: "linear" } as const };
    const sampler = await createSampler({ ...guided, batchSize: 1, prefixLength: 8 });
    const request = { classIds: Int32Array.of(2), seeds: [entry.seed], filters: [own], prefix };
    const decoder = await createDecoder(codec);
    const want = await decoder.decode(await sampler.sample(request));
    const written = await sharp(path.join(out, entry.file)).raw().toBuffer();
    expectClose(
      written,
      want.map((value) => value * 255),
      "pixels",
      { absolute: 1 },
    );
    for (const program of [encoder, sampler, decoder]) await program.close();
  }));

test("ways differ, the first of them does not depend on how many there are, and another seed gives others", () =>
  inTemporaryFolder(async (folder) => {
    const draw = async (name: string, ways: number, ...more: string[]) => {
      const out = path.join(folder, name);
      await succeed(call(out, "--limit", "2", "--ways", String(ways), "--classes", "1", ...more));
      const bytes = (i: number) => readFile(path.join(out, `00000${i}.png`), "base64");
      return Promise.all(Array.from({ length: 2 * ways }, (_, i) => bytes(i)));
    };
    const three = await draw("three", 3);
    assert.is(new Set(three).size, 6);
    assert.equal(await draw("one", 1), [three[0], three[3]]);
    assert.not.equal(await draw("seed", 1, "--seed", "1"), [three[0], three[3]]);
  }));

test("options that do not go with completion, or without it, are refused, and nothing is written", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "out");
    const plain = ["sample", made.vim, "-t", made.tokenizer, "-o", out];
    await fail([...plain, "--ways", "2"], 2, /--ways: .* it wants --complete/);
    await fail(call(out, "--unconditional", "--guidance", "2"), 2, /guided nowhere/);
    await fail([...plain, "--complete", path.join(folder, "none")], 3, /cannot open data/);
    assert.equal(await namesIn(folder), []);
  }));

test("--dry-run counts and writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const result = jsonOf(await succeed(call(path.join(folder, "x"), "--ways", "3", "--dry-run", "--json")));
    assert.equal(result, { dryRun: true, images: 180, originals: 60, keptRows: 2, rows: 4 });
    assert.equal(await namesIn(folder), []);
  }));

test.run();
