import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ClassifiedImage } from "../../commands/run/classifyLines.js";
import { openSource } from "../../lib/data/source.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import { expectClose, fixture, inTemporaryFolder } from "../support.js";
import { EMOJI, type RealCodes, realCodes } from "./support/realCodes.js";
import { writeTokenizer } from "./support/smallTokenizer.js";
import { fail, jsonOf, succeed } from "./support/training.js";

const test = suite("commands/classify");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const classifier = path.join(shared, "classifier.safetensors");
let made: RealCodes;
let probed: { best: { top1: number; top5: number } };
test.before(async () => {
  made = await realCodes(shared);
  const probe = ["probe", made.vim, "--train", made.train, "--test", made.test, "--blocks", "1", "--l2", "0.001"];
  const only = ["--no-raw-pixels", "--no-stage1", "--no-random-init", "--threads", "1"];
  probed = jsonOf(await succeed([...probe, ...only, "--save", classifier, "--json"])) as typeof probed;
});
test.after(() => rm(shared, { recursive: true, force: true }));

const classify = (data: string, ...more: string[]) => [
  ...["classify", data, "--with", classifier, "--threads", "1"],
  ...more,
];

type Result = { images: number; labelled: number; top1: number; top5: number; rows: ClassifiedImage[] };

test("of the probe's test codes as many are right as the probe said; images of the same give the same", async () => {
  const codes = jsonOf(await succeed(classify(made.test, "--json", "--batch-size", "7"))) as Result;
  assert.equal([codes.images, codes.labelled, codes.top1, codes.top5], [60, 60, probed.best.top1, 1]);
  assert.ok(codes.top1 > 0.2);
  const images = jsonOf(await succeed(classify(EMOJI.val, "--json"))) as Result;
  assert.equal(images.top1, codes.top1);
  const source = await openSource(EMOJI.val);
  for (const [i, row] of images.rows.entries()) {
    assert.equal([row.image, row.label], [source.name(i), source.classNames![source.label(i)]]);
    assert.is(codes.rows[i]!.image, String(i));
    assert.equal([...row.classes.map(({ name }) => name)].sort(), [...source.classNames!].sort());
    const probabilities = row.classes.map(({ probability }) => probability);
    assert.equal(
      probabilities,
      [...probabilities].sort((a, b) => b - a),
    );
    expectClose([probabilities.reduce((a, b) => a + b)], [1], "they sum to 1", { absolute: 1e-5 });
    expectClose(
      probabilities,
      codes.rows[i]!.classes.map(({ probability }) => probability),
      row.image,
      { absolute: 1e-5 },
    );
  }
  const right = images.rows.filter(({ label, classes }) => classes[0]!.name === label).length;
  assert.is(right / 60, images.top1);
});

test("writes text, lines of JSON and CSV, on stdout or into a file", () =>
  inTemporaryFolder(async (folder) => {
    const some = (...more: string[]) => succeed(classify(made.test, "--limit", "3", "--top", "2", ...more));
    const text = (await some()).stdout.trimEnd().split("\n");
    assert.match(text[0]!, /^image +label +classes$/);
    assert.match(text[1]!, /^0 +\w+ +\w+ \d+\.\d%, \w+ \d+\.\d%$/);
    assert.match(text[4]!, /^3 images, \d+\.\d% top-1, \d+\.\d% top-5$/);
    const { stdout, stderr } = await some("--format", "jsonl");
    assert.match(stderr, /3 images, .* top-1/);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as ClassifiedImage);
    assert.equal(
      rows.map(({ image, classes }) => [image, classes.length]),
      [
        ["0", 2],
        ["1", 2],
        ["2", 2],
      ],
    );
    const out = path.join(folder, "classes.csv");
    const written = await some("--format", "csv", "--out", out);
    assert.match(written.stdout, /classes\.csv: 3 images, /);
    const [header, first] = (await readFile(out, "utf8")).split("\n");
    assert.is(header, "image,label,class1,probability1,class2,probability2");
    const [{ label, classes }] = rows as [ClassifiedImage];
    assert.is(first, `0,${label},${classes.flatMap(({ name, probability }) => [name, probability]).join(",")}`);
    await fail(classify(made.test, "--out", out), 2, /classes\.csv exists; --force/);
    const plan = jsonOf(await succeed(classify(made.test, "--dry-run", "--json", "--limit", "4")));
    assert.equal(plan, { dryRun: true, images: 4, classes: 5, block: 1 });
    assert.equal(await readdir(folder), ["classes.csv"]);
  }));

test("images without labels have none, and those of unknown classes are not judged", async () => {
  const photos = jsonOf(await succeed(classify(fixture("photos-mini"), "--json"))) as Result;
  assert.equal([photos.images, photos.labelled, photos.top1], [5, 0, null]);
  assert.ok(photos.rows.every(({ label }) => label === null));
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "tokens.safetensors");
    const tokens = await openTokenFile(made.test);
    const writer = await createTokenFile(file, { ...tokens, classNames: ["unicorns", ...tokens.classNames!.slice(1)] });
    await writer.append(await tokens.readRange(0, 24), tokens.labels!.subarray(0, 24));
    await writer.finish();
    await tokens.close();
    const finished = await succeed(classify(file, "--json"));
    assert.match(finished.stderr, /classes that the classifier does not know are not judged: unicorns/);
    assert.equal((jsonOf(finished) as Result).labelled, 12);
  });
});

test("an image of several views is judged by their mean", () =>
  inTemporaryFolder(async (folder) => {
    const tokens = await openTokenFile(made.test);
    const pair = path.join(folder, "pair.safetensors");
    const writer = await createTokenFile(pair, { ...tokens, classNames: tokens.classNames!, viewsPerImage: 2 });
    await writer.append(await tokens.readRange(0, 8), tokens.labels!.subarray(0, 8));
    await writer.finish();
    await tokens.close();
    const rowsOf = async (file: string, limit: number) =>
      (jsonOf(await succeed(classify(file, "--json", "--limit", String(limit)))) as Result).rows;
    const [views, images] = [await rowsOf(made.test, 8), await rowsOf(pair, 8)];
    assert.is(images.length, 4);
    const of = (row: ClassifiedImage, wanted: string) => row.classes.find(({ name }) => name === wanted)!.probability;
    for (const [i, image] of images.entries())
      for (const { name, probability } of image.classes)
        expectClose([probability], [(of(views[2 * i]!, name) + of(views[2 * i + 1]!, name)) / 2], name, {
          absolute: 1e-6,
        });
  }));

test("refuses what does not belong together, and options that would do nothing", () =>
  inTemporaryFolder(async (folder) => {
    await fail(
      classify(made.test, "--tokenizer", made.tokenizer),
      2,
      /--tokenizer: .* it wants images instead of a token file/,
    );
    await fail(classify(made.test, "--strict"), 2, /--strict: .* it wants images/);
    const other = await writeTokenizer(path.join(folder, "other"), { logitLaplace: true });
    await fail(classify(EMOJI.val, "--tokenizer", other), 4, /not the tokenizer whose codes .* was fitted to/);
    await fail(["classify", EMOJI.val, "--with", made.test], 4, /not a classifier; want one that `vitvq probe` wrote/);
    const tokens = path.join(folder, "tokens.safetensors");
    await succeed(["encode", fixture("photos-mini"), "-t", other, "-o", tokens, "--threads", "1"]);
    await fail(classify(tokens), 4, /these codes were made by the tokenizer/);
    await writeFile(path.join(folder, "empty.safetensors"), "");
    await fail(classify(path.join(folder, "empty.safetensors")), 4);
    await rename(made.vim, `${made.vim}-moved`);
    await fail(classify(made.test), 4, /the VIM it was fitted to is not where it was/);
    await succeed(classify(made.test, "--vim", `${made.vim}-moved`));
    await rename(made.tokenizer, `${made.tokenizer}-moved`);
    await fail(classify(EMOJI.val), 2, /where the classifier's tokenizer was, is gone; name the run/);
  }));

test.run();
