import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { namesIn } from "../files/support.js";
import { inTemporaryFolder } from "../support.js";
import { fail, IMAGES, jsonOf, succeed, trainVim, trainVq } from "./support/training.js";

const test = suite("commands/sample");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const [tokenizer, tokens, vim] = ["vq", "codes.safetensors", "vim"].map((name) => path.join(shared, name)) as [
  string,
  string,
  string,
];
test.before(async () => {
  await succeed(trainVq(tokenizer, "--steps", "4"));
  await succeed(["encode", IMAGES, "-t", tokenizer, "-o", tokens, "--limit", "40", "--threads", "1"]);
  await succeed(trainVim(tokens, vim, "--steps", "4"));
});
test.after(() => rm(shared, { recursive: true, force: true }));

type Index = {
  images: { file: string; class: number | null; className: string | null; seed: number; confidence?: number }[];
};

const indexOf = async (out: string): Promise<Index> =>
  JSON.parse(await readFile(path.join(out, "index.json"), "utf8")) as Index;

test("writes an image each, a grid, and an index that says class and seed", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "samples");
    const flags = ["--classes", "boot", "--classes", "0", "--count", "4", "--json"];
    const result = jsonOf(await succeed(["sample", vim, "--out", out, ...flags]));
    assert.is(result["images"], 4);
    const files = ["000000.png", "000001.png", "000002.png", "000003.png"];
    assert.equal(await namesIn(out), [...files, "grid.png", "index.json"]);
    const { images } = await indexOf(out);
    assert.equal(
      images.map((image) => [image.file, image.class, image.className]),
      files.map((file, i) => (i < 2 ? [file, 9, "boot"] : [file, 0, "T-shirt"])),
    );
    assert.is(new Set(images.map(({ seed }) => seed)).size, 4);
  }));

test("the same seed gives the same images, whatever the batch; another seed gives others", () =>
  inTemporaryFolder(async (folder) => {
    const draw = async (name: string, ...flags: string[]) => {
      const out = path.join(folder, name);
      await succeed(["sample", vim, "--out", out, "--classes", "bag", "--count", "3", "--threads", "1", ...flags]);
      return Promise.all([0, 1, 2].map((i) => readFile(path.join(out, `00000${i}.png`), "base64")));
    };
    const first = await draw("first", "--seed", "5");
    assert.equal(await draw("again", "--seed", "5"), first);
    assert.equal(await draw("singly", "--seed", "5", "--batch-size", "2"), first);
    assert.not.equal(await draw("other", "--seed", "6"), first);
  }));

/** The classifier of a probe. */
async function probeOf(model: string, out: string): Promise<string> {
  const data = ["--train", tokens, "--test", tokens];
  await succeed(["probe", model, ...data, "--out", out, "--no-stage1", "--threads", "1"]);
  return path.join(out, "classifier.safetensors");
}

test("of more images drawn those are kept that a classifier is surest of", () =>
  inTemporaryFolder(async (folder) => {
    const classifier = await probeOf(vim, path.join(folder, "probe"));
    const out = (name: string) => path.join(folder, name);
    const draw = async (name: string, ...flags: string[]) => {
      const from = [
        "sample",
        vim,
        "--out",
        out(name),
        "--classes",
        "bag",
        "--classes",
        "boot",
        "--threads",
        "1",
        "--json",
      ];
      return jsonOf(await succeed([...from, ...flags]));
    };
    const kept = await draw("kept", "--count", "4", "--reject-with", classifier, "--acceptance", "0.25");
    assert.equal([kept["images"], kept["drawn"]], [4, 16]);
    const best = (await indexOf(out("kept"))).images;
    await draw("all", "--count", "16", "--reject-with", classifier, "--acceptance", "1");
    const all = (await indexOf(out("all"))).images;
    for (const className of ["bag", "boot"]) {
      const candidates = all.filter((image) => image.className === className);
      const surest = candidates.map(({ confidence }) => confidence!).sort((a, b) => b - a);
      const own = best.filter((image) => image.className === className);
      assert.equal(
        own.map(({ confidence }) => confidence!).sort((a, b) => b - a),
        surest.slice(0, 2),
      );
      for (const { seed, file } of own) {
        const same = candidates.find((image) => image.seed === seed)!;
        const bytes = await Promise.all(
          [path.join(out("kept"), file), path.join(out("all"), same.file)].map((image) => readFile(image, "base64")),
        );
        assert.is(bytes[0], bytes[1], "the same image by its seed");
      }
    }
    const plain = ["sample", vim, "--out", out("x"), "--acceptance", "0.5"];
    await fail(plain, 2, /--acceptance: changes nothing here; it wants --reject-with/);
    await fail(
      ["sample", vim, "--out", out("x"), "--unconditional", "--reject-with", classifier],
      2,
      /without a class/,
    );
  }));

test("a classifier without its VIM is refused before anything is drawn", () =>
  inTemporaryFolder(async (folder) => {
    const [there, elsewhere, out] = ["vim", "moved", "samples"].map((name) => path.join(folder, name));
    await cp(vim, there!, { recursive: true });
    const classifier = await probeOf(there!, path.join(folder, "probe"));
    await rename(there!, elsewhere!);
    const draw = ["sample", vim, "-o", out!, "--classes", "bag", "--count", "1", "--reject-with", classifier];
    await fail([...draw, "--dry-run"], 4, /classifier\.safetensors: the VIM it was fitted to is not where it was/);
    await succeed([...draw, "--reject-vim", elsewhere!]);
    await fail([...draw, "--force", "--dry-run", "--reject-vim", tokenizer], 4, /fitted to a VIM with the weights/);
    const idle = ["sample", vim, "-o", out!, "--count", "1", "--reject-vim", vim];
    await fail(idle, 2, /--reject-vim: changes nothing here; it wants --reject-with/);
  }));

test("without a class the index has none", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "samples");
    await succeed(["sample", vim, "--out", out, "--unconditional", "--count", "2", "--top-k", "5", "--top-p", "0.9"]);
    const { images } = await indexOf(out);
    assert.equal(
      images.map((image) => [image.class, image.className]),
      [
        [null, null],
        [null, null],
      ],
    );
  }));

test("unknown classes, folders in use and foreign tokenizers are refused, and nothing is written", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "samples");
    await fail(["sample", vim, "--out", out, "--classes", "sneakr"], 2, /no class "sneakr"; did you mean sneaker\?/);
    await fail(["sample", vim, "--out", out, "--classes", "bag", "--unconditional"], 2, /exclude each other/);
    await fail(["sample", vim, "--out", out, "--top-p", "0"], 2, /--top-p/);
    await fail(["sample", vim, "--out", shared], 2, /is not empty; --force/);
    await writeFile(path.join(folder, "file"), "");
    const below = path.join(folder, "file", "samples");
    await fail(
      ["sample", vim, "--out", below, "--count", "1", "--classes", "bag"],
      2,
      /--out: .*file is a file, and would have to be a folder/,
    );
    await fail(["sample", tokenizer, "--out", out], 4, /want a model of train-vim, got one of train-vq/);
    const foreign = path.join(folder, "foreign");
    await succeed(trainVq(foreign, "--steps", "4", "--seed", "9"));
    await fail(["sample", vim, "--out", out, "--tokenizer", foreign], 4, /not those that made the codes/);
    assert.equal(await namesIn(folder), ["file", "foreign"]);
  }));

test("--dry-run counts and writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const result = jsonOf(await succeed(["sample", vim, "--out", path.join(folder, "x"), "--dry-run", "--json"]));
    assert.equal(result, { dryRun: true, images: 100, drawn: 100 });
    assert.equal(await namesIn(folder), []);
  }));

test.run();
