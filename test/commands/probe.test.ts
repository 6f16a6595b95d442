import { readdir, readFile, rm } from "node:fs/promises";
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
}

type Content = {
  /** The images that the file claims to hold. */
  readonly data: string;
  readonly seed: number;
  readonly telling: boolean;
  /** Rows, from the first. */
  readonly rows?: number | undefined;
  readonly source?: string | undefined;
};

/** Codes that tell the class, 2 of 10 for each, or the same for all images; labels of the images in `data`. */
async function writeTokens(file: string, { data, seed, telling, rows, source }: Content): Promise<void> {
  const images = await openSource(data);
  const { integer } = rngFrom(seed);
  const count = rows ?? images.count;
  const labels = Int32Array.from({ length: count }, (_, i) => images.label(i));
  const codes = Int32Array.from({ length: count * CODES }, (_, i) =>
    telling ? 2 * labels[Math.floor(i / CODES)]! + integer(2) : 3,
  );
  const writer = await createTokenFile(file, {
    vocabulary: model.vocabulary,
    grid: model.grid,
    tokenizerHash: "abc",
    classNames: images.classNames ?? [],
    source: source ?? data,
    extra: { imageSize: String(IMAGE_SIZE), channels: "3", resize: "cover" },
  });
  await writer.append(codes, labels);
  await writer.finish();
}

type Setting = { telling?: boolean; rows?: number; gone?: boolean };

/** A VIM and two token files in a folder; `probe` gives the arguments before those of a test. */
function withTokens(setting: Setting, body: (folder: string, probe: string[]) => Promise<void>): () => Promise<void> {
  const { telling = true, rows, gone = false } = setting;
  return () =>
    inTemporaryFolder(async (folder) => {
      const at = (name: string) => path.join(folder, name);
      await writeVim(at("vim"));
      const source = gone ? at("gone") : undefined;
      await writeTokens(at("train.safetensors"), { data: TRAIN, seed: 1, telling, rows, source });
      await writeTokens(at("test.safetensors"), { data: TEST, seed: 2, telling, source });
      const files = ["--train", at("train.safetensors"), "--test", at("test.safetensors")];
      await body(folder, ["probe", at("vim"), ...files, "--threads", "1"]);
    });
}

type Report = ProbeReport & { out?: string };

test(
  "reports every block and the baselines, as JSON, in files and as a chart",
  withTokens({}, async (folder, probe) => {
    const out = path.join(folder, "out");
    const { status, stdout, stderr } = await vitvq([...probe, "--out", out, "--json"]);
    assert.is(status, 0, stderr);
    const { out: named, ...report } = JSON.parse(stdout) as Report;
    assert.is(named, out);
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
    assert.equal(report.missing, {});
    assert.equal((await readdir(out)).sort(), ["probe.json", "probe.png", "probe.svg"]);
    assert.equal(JSON.parse(await readFile(path.join(out, "probe.json"), "utf8")), report);
    const svg = await readFile(path.join(out, "probe.svg"), "utf8");
    for (const name of ["trained VIM", "random init", "raw pixels", "most frequent class"])
      assert.ok(svg.includes(`>${name}`), name);
    assert.equal([...(await readFile(path.join(out, "probe.png"))).subarray(1, 4)], [...Buffer.from("PNG")]);
  }),
);

test(
  "prints a table of the blocks asked for, and nothing else with --quiet",
  withTokens({}, async (_, probe) => {
    const options = ["--blocks", "2,0,2", "--no-random-init", "--no-raw-pixels", "--l2", "0.001", "--quiet"];
    const { status, stdout, stderr } = await vitvq([...probe, ...options]);
    assert.is(status, 0, stderr);
    assert.is(stderr, "");
    const [header, ...lines] = stdout.trimEnd().split("\n");
    assert.match(header!, /^features +top-1 +top-5 +l2$/);
    assert.match(lines[0]!, /^embeddings \(block 0\) +\d+\.\d% +100\.0% +0\.001$/);
    assert.match(lines[1]!, /^block 2 +\d+\.\d% +100\.0% +0\.001$/);
    assert.match(lines[2]!, /^most frequent classes +20\.0% +100\.0%$/);
    assert.match(lines[3]!, /^best: /);
    assert.is(lines[4], "raw pixels: left out (--no-raw-pixels)");
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
    const beyond = await vitvq([...probe, "--blocks", "3"]);
    assert.is(beyond.status, 2);
    assert.match(beyond.stderr, "--blocks: want blocks from 0 (the embeddings) to 2, got 3");
    const occupied = await vitvq([...probe, "--out", folder]);
    assert.is(occupied.status, 2);
    assert.match(occupied.stderr, "is not empty; --force");
    await rm(path.join(folder, "test.safetensors"));
    assert.is((await vitvq(probe)).status, 4);
  }),
);

test.run();
