import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ProbeReport } from "../../commands/run/probeReport.js";
import { openSource } from "../../lib/data/source.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { fixture, inTemporaryFolder, vitvq } from "../support.js";
import { realCodes } from "./support/realCodes.js";
import { writeTokenizer } from "./support/smallTokenizer.js";

const test = suite("commands/probe");

const TRAIN = fixture("emoji-mini", "train"); // 48 images of each of 5 classes
const TEST = fixture("emoji-mini", "val"); // 12 of each
const [IMAGE_SIZE, CODES] = [8, 9];

const model: VimConfig = {
  dim: 12,
  depth: 2,
  heads: 2,
  mlpDim: 24,
  grid: [3, 3],
  vocabulary: 10,
  classes: 5,
  positions: "rowcol",
};

/** A run of train-vim with random weights. */
async function writeVim(folder: string): Promise<void> {
  const run = await openRun(folder, { mode: "new", command: "train-vim" });
  await run.writeConfig({ command: "train-vim", model, tokenizer: { hash: "abc" } });
  await run.finish(initialise(flattenSpecs(vimSpec(model)), 1), { step: 1 });
  await run.close();
}

type Content = {
  /** The images that the file claims to hold. */
  readonly data: string;
  readonly seed: number;
  readonly telling: boolean;
  /** Rows, from the first. */
  readonly rows?: number | undefined;
  readonly source?: string | undefined;
  readonly views?: number | undefined;
};

/**
 * Codes that tell the class, 2 of 10 for each, or the same for all images; labels of the images in `data`. A second
 * view has codes of the next class.
 */
async function writeTokens(file: string, { data, seed, telling, rows, source, views = 1 }: Content): Promise<void> {
  const images = await openSource(data);
  const { integer } = rngFrom(seed);
  const count = views * (rows ?? images.count);
  const labels = Int32Array.from({ length: count }, (_, i) => images.label(Math.floor(i / views)));
  const codes = Int32Array.from({ length: count * CODES }, (_, i) => {
    const row = Math.floor(i / CODES);
    return telling ? (2 * (labels[row]! + (row % views)) + integer(2)) % model.vocabulary : 3;
  });
  const writer = await createTokenFile(file, {
    vocabulary: model.vocabulary,
    grid: model.grid,
    tokenizerHash: "abc",
    classNames: images.classNames ?? [],
    source: source ?? data,
    viewsPerImage: views,
    extra: { imageSize: String(IMAGE_SIZE), channels: "3", resize: "cover" },
  });
  await writer.append(codes, labels);
  await writer.finish();
}

type Setting = { telling?: boolean; rows?: number; gone?: boolean; views?: number };

/** A VIM and two token files in a folder; `probe` gives the arguments before those of a test. */
function withTokens(setting: Setting, body: (folder: string, probe: string[]) => Promise<void>): () => Promise<void> {
  const { telling = true, rows, gone = false, views } = setting;
  return () =>
    inTemporaryFolder(async (folder) => {
      const at = (name: string) => path.join(folder, name);
      await writeVim(at("vim"));
      const source = gone ? at("gone") : undefined;
      await writeTokens(at("train.safetensors"), { data: TRAIN, seed: 1, telling, rows, source, views });
      await writeTokens(at("test.safetensors"), { data: TEST, seed: 2, telling, source, views });
      const files = ["--train", at("train.safetensors"), "--test", at("test.safetensors")];
      await body(folder, ["probe", at("vim"), ...files, "--threads", "1"]);
    });
}

type Report = ProbeReport & { out?: string; classifier?: string };

test(
  "reports every block and the baselines, as JSON, in files and as a chart",
  withTokens({}, async (folder, probe) => {
    const out = path.join(folder, "out");
    const { status, stdout, stderr } = await vitvq([...probe, "--out", out, "--json"]);
    assert.is(status, 0, stderr);
    const { out: named, classifier, ...report } = JSON.parse(stdout) as Report;
    assert.equal([named, classifier], [out, path.join(out, "classifier.safetensors")]);
    assert.equal(
      report.blocks.map(({ block }) => block),
      [0, 1, 2],
    );
    for (const { top1, top5, converged } of report.blocks) assert.ok(top1 > 0.9 && top5 === 1 && converged);
    assert.is(report.best.top1, Math.max(...report.blocks.map(({ top1 }) => top1)));
    assert.equal([report.classes, report.train.images, report.test.images], [5, 240, 60]);
    const { rawPixels, randomInit, majorityClass } = report.baselines;
    assert.ok(rawPixels && rawPixels.top1 > 0.4 && rawPixels.top1 < 0.95, JSON.stringify(rawPixels));
    assert.equal([rawPixels?.size, rawPixels?.channels], [IMAGE_SIZE, 3]);
    assert.is(randomInit?.blocks.length, 3);
    assert.is(randomInit?.top1, Math.max(...(randomInit?.blocks ?? []).map(({ top1 }) => top1)));
    assert.equal(majorityClass, { top1: 0.2, top5: 1 });
    assert.equal(Object.keys(report.missing), ["stage1"]);
    assert.match(report.missing["stage1"]!, "neither token file nor VIM says where the tokenizer is");
    assert.equal((await readdir(out)).sort(), [
      "classifier.safetensors",
      ...["confusion.png", "confusion.svg", "probe.json", "probe.png", "probe.svg"],
    ]);
    assert.equal(JSON.parse(await readFile(path.join(out, "probe.json"), "utf8")), report);
    const svg = await readFile(path.join(out, "probe.svg"), "utf8");
    for (const name of ["trained VIM", "random init", "raw pixels", "most frequent class"])
      assert.ok(svg.includes(`>${name}`), name);
    for (const name of ["probe.png", "confusion.png"])
      assert.equal([...(await readFile(path.join(out, name))).subarray(1, 4)], [...Buffer.from("PNG")]);
    const names = report.perClass.map(({ name }) => name);
    assert.equal(names, (await openSource(TEST)).classNames);
    const hits = report.confusion.reduce((sum, row, c) => sum + row[c]!, 0);
    assert.is(hits / 60, report.best.top1);
    for (const [c, { images, top1 }] of report.perClass.entries()) {
      assert.equal([images, report.confusion[c]!.reduce((a, b) => a + b)], [12, 12]);
      assert.is(top1, report.confusion[c]![c]! / 12);
    }
    const matrix = await readFile(path.join(out, "confusion.svg"), "utf8");
    for (const name of names) assert.ok(matrix.includes(`>${name}<`), name);
  }),
);

test(
  "fits to shares of the labels, too: every block, every baseline, the table and the chart",
  withTokens({}, async (folder, probe) => {
    const out = path.join(folder, "out");
    const options = ["--fractions", "0.25,0.001,1", "--blocks", "0,2", "--l2", "0.01", "--out", out];
    const { status, stdout, stderr } = await vitvq([...probe, ...options]);
    assert.is(status, 0, stderr);
    assert.match(
      stdout,
      /^features +top-1 +top-5 +l2 +top-1, 0\.1% of labels +top-1, 25% of labels +random init top-1\n/,
    );
    const report = JSON.parse(await readFile(path.join(out, "probe.json"), "utf8")) as Report;
    const { rawPixels, randomInit } = report.baselines;
    for (const one of [...report.blocks, ...(randomInit?.blocks ?? []), rawPixels])
      assert.equal(
        one?.fractions?.map(({ fraction, images }) => [fraction, images]),
        [
          [0.001, 5],
          [0.25, 60],
        ],
      );
    assert.ok(rawPixels && rawPixels.fractions![0]!.top1 < rawPixels.top1);
    const svg = await readFile(path.join(out, "probe.svg"), "utf8");
    for (const share of ["25%", "0.1%"]) assert.ok(svg.includes(`>trained VIM, ${share} of labels<`), share);
    const above = await vitvq([...probe, "--fractions", "0.5,2"]);
    assert.is(above.status, 2);
  }),
);

test(
  "uses all views of an image or the first: to fit, and to judge by the mean of their probabilities",
  withTokens({ views: 2 }, async (_, probe) => {
    const options = ["--blocks", "0", "--no-random-init", "--no-raw-pixels", "--no-stage1", "--l2", "0.001", "--json"];
    const top1 = async (trainViews: string, testViews: string) => {
      const views = ["--train-views", trainViews, "--test-views", testViews];
      const { status, stdout, stderr } = await vitvq([...probe, ...options, ...views]);
      assert.is(status, 0, stderr);
      const { train, test: judged, best, perClass } = JSON.parse(stdout) as Report;
      assert.equal([train.images, judged.images, perClass[0]?.images], [240, 60, 12], "images, not rows");
      assert.equal(
        [train.views, judged.views],
        [trainViews, testViews].map((use) => (use === "first" ? 1 : 2)),
      );
      return best.top1;
    };
    // First views have the codes of their class, second ones those of the next: fitted to all, codes of a class are as
    // often its own first view as the second of the class before, and only the two views together tell which it is.
    assert.ok((await top1("all", "mean")) > 0.95);
    assert.ok((await top1("all", "first")) < 0.85);
    assert.ok((await top1("first", "mean")) < 0.85);
  }),
);

test("compares with the features of the tokenizer's encoder, and refuses another tokenizer", () =>
  inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, name);
    const { vim, train, test: judged } = await realCodes(folder);
    const probe = ["probe", vim, "--train", train, "--test", judged, "--threads", "1", "--blocks", "1"];
    const options = [...probe, "--no-random-init", "--no-raw-pixels", "--json"];
    const { status, stdout, stderr } = await vitvq(options);
    assert.is(status, 0, stderr);
    const { stage1 } = (JSON.parse(stdout) as Report).baselines;
    assert.equal([stage1?.features, stage1?.tokenizer], [16, at("vq/model.safetensors")]);
    assert.ok(stage1 && stage1.top1 > 0.4 && stage1.top1 < 1, JSON.stringify(stage1)); // 0.2 by chance
    await rename(at("vq"), at("moved"));
    const gone = await vitvq(options);
    assert.is(gone.status, 0, gone.stderr);
    assert.match((JSON.parse(gone.stdout) as Report).missing["stage1"]!, "no such run");
    assert.match(gone.stderr, /warning: no stage-1 baseline/);
    const told = await vitvq([...options, "--tokenizer", at("moved")]);
    assert.is((JSON.parse(told.stdout) as Report).baselines.stage1?.top1, stage1?.top1);
    const other = await writeTokenizer(at("other"), { logitLaplace: true });
    const refused = await vitvq([...options, "--tokenizer", other]);
    assert.is(refused.status, 4, refused.stderr);
    assert.match(refused.stderr, /these codes were made by the tokenizer/);
  }));

test(
  "prints a table of the blocks asked for, and nothing else with --quiet",
  withTokens({}, async (_, probe) => {
    const options = ["--blocks", "2,0,2", "--no-random-init", "--no-raw-pixels", "--no-stage1", "--l2", "0.001"];
    const { status, stdout, stderr } = await vitvq([...probe, ...options, "--quiet"]);
    assert.is(status, 0, stderr);
    assert.is(stderr, "");
    const [header, ...lines] = stdout.trimEnd().split("\n");
    assert.match(header!, /^features +top-1 +top-5 +l2$/);
    assert.match(lines[0]!, /^embeddings \(block 0\) +\d+\.\d% +100\.0% +0\.001$/);
    assert.match(lines[1]!, /^block 2 +\d+\.\d% +100\.0% +0\.001$/);
    assert.match(lines[2]!, /^most frequent classes +20\.0% +100\.0%$/);
    assert.match(lines[3]!, /^best: /);
    const notes = lines.slice(4).filter((line) => !line.startsWith("told worst: "));
    assert.equal(notes, ["raw pixels: left out (--no-raw-pixels)", "stage-1 encoder: left out (--no-stage1)"]);
  }),
);

test(
  "never lets a label into the features: codes that tell nothing give chance",
  withTokens({ telling: false }, async (_, probe) => {
    const { status, stdout, stderr } = await vitvq([...probe, "--no-raw-pixels", "--json"]);
    assert.is(status, 0, stderr);
    const { blocks, baselines } = JSON.parse(stdout) as Report;
    for (const { block, top1 } of [...blocks, ...(baselines.randomInit?.blocks ?? [])])
      assert.is(top1, 0.2, `block ${block}`);
    assert.is(baselines.rawPixels, null);
  }),
);

test(
  "goes on without the images when they are gone, and says so; takes them from elsewhere when told",
  withTokens({ gone: true, rows: 100 }, async (_, probe) => {
    const args = [...probe, "--blocks", "1", "--no-random-init", "--json"];
    const { status, stdout, stderr } = await vitvq(args);
    assert.is(status, 0, stderr);
    assert.match(stderr, /warning: no raw-pixel baseline: cannot open data .*gone/);
    const report = JSON.parse(stdout) as Report;
    assert.is(report.baselines.rawPixels, null);
    assert.match(report.missing["rawPixels"]!, /no such file or folder/);
    const told = await vitvq([...args, "--train-data", TRAIN, "--test-data", TEST, "--pixel-size", "4"]);
    assert.is(told.status, 0, told.stderr);
    const { baselines } = JSON.parse(told.stdout) as Report;
    assert.ok(baselines.rawPixels && baselines.rawPixels.top1 > 0.2 && baselines.rawPixels.size === 4);
    const swapped = await vitvq([...args, "--train-data", TEST, "--test-data", TEST]);
    assert.is(swapped.status, 3);
    assert.match(swapped.stderr, "want the 100 images of");
  }),
);

test(
  "gives the same figures every time",
  withTokens({}, async (_, probe) => {
    const runs = await Promise.all(
      [1, 2].map(() => vitvq([...probe, "--seed", "3", "--blocks", "1", "--no-raw-pixels", "--json"])),
    );
    const [a, b] = runs.map(({ stdout }) => ({ ...(JSON.parse(stdout) as Report), seconds: 0 }));
    assert.equal(a, b);
  }),
);

test(
  "--dry-run checks everything and writes nothing; mistakes have their exit codes",
  withTokens({}, async (folder, probe) => {
    const out = path.join(folder, "out");
    const dry = await vitvq([...probe, "--out", out, "--dry-run", "--json"]);
    assert.is(dry.status, 0, dry.stderr);
    const { featureBytes, blocks } = JSON.parse(dry.stdout) as { featureBytes: number; blocks: number[] };
    assert.equal([featureBytes, blocks], [4 * 300 * 12 * 3, [0, 1, 2]]);
    assert.not.ok((await readdir(folder)).includes("out"));
    assert.not.match(dry.stderr, "--class-dropout");
    const configFile = path.join(folder, "vim", "config.json");
    const config = JSON.parse(await readFile(configFile, "utf8")) as object;
    await writeFile(configFile, JSON.stringify({ ...config, options: { classDropout: 0 } }));
    const without = await vitvq([...probe, "--dry-run"]);
    assert.match(without.stderr, "without a class, which it never saw: it was trained with --class-dropout 0");
    const beyond = await vitvq([...probe, "--blocks", "3"]);
    assert.is(beyond.status, 2);
    assert.match(beyond.stderr, "--blocks: want blocks from 0 (the embeddings) to 2, got 3");
    const occupied = await vitvq([...probe, "--out", folder]);
    assert.is(occupied.status, 2);
    assert.match(occupied.stderr, "is not empty; --force");
    const kept = await vitvq([...probe, "--save", path.join(folder, "test.safetensors")]);
    assert.is(kept.status, 2);
    assert.match(kept.stderr, /--save: .*test\.safetensors exists; --force/);
    await rm(path.join(folder, "test.safetensors"));
    assert.is((await vitvq(probe)).status, 4);
  }),
);

test.run();
