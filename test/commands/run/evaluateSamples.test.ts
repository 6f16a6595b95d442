import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTokenizer } from "../../../commands/support/models.js";
import { writeHostTensors } from "../../../lib/files/hostTensors.js";
import { hashedInception } from "../../models/support/hashedInception.js";
import { fixture, inTemporaryFolder, vitvq } from "../../support.js";
import { writeTokenizer } from "../support/smallTokenizer.js";
import { jsonOf, succeed } from "../support/training.js";

const test = suite("commands/run/evaluateSamples");

const EMOJI = fixture("emoji-mini", "val");

test("samples that are training images are copies of their own class; others are measured beside real images", () =>
  inTemporaryFolder(async (folder) => {
    const samples = path.join(folder, "samples");
    await writeCopies(samples, ["food", "animals", "flags"]);
    const out = path.join(folder, "out");
    const train = fixture("emoji-mini", "train");
    const { status, stdout, stderr } = await vitvq([
      "evaluate",
      "--samples",
      samples,
      "--reference",
      train,
      "--real",
      EMOJI,
      "--out",
      out,
      "--json",
    ]);
    assert.is(status, 0, stderr);
    const got = JSON.parse(stdout) as SamplesEvaluation;
    assert.equal([got.images, got.nearestClassShare, got.copies, got.minDistance], [3, 1, 3, 0]);
    assert.equal(
      got.perClass.map(({ className }) => className),
      ["animals", "flags", "food"],
    );
    assert.equal([got.referenceImages, got.real.images, got.real.copies], [240, 60, 0]);
    assert.ok(got.real.nearestClassShare > 0.25 && got.real.nearestClassShare < 0.9, "above chance, below perfect");
    assert.ok(got.real.minDistance > 0.03 && got.real.minDistance < got.real.meanDistance);
    assert.equal(JSON.parse(await readFile(path.join(out, "samples.json"), "utf8")), got);
    assert.is((await sharp(path.join(out, "neighbours.png")).metadata()).format, "png");
  }));

test("samples are compared with the reference on features of a tokenizer, real images in the same way", () =>
  inTemporaryFolder(async (folder) => {
    const samples = path.join(folder, "samples");
    await writeCopies(samples, ["food", "animals", "flags", "food", "animals", "flags"]);
    const run = await writeTokenizer(path.join(folder, "vq"));
    const sets = ["--samples", samples, "--reference", fixture("emoji-mini", "train"), "--real", EMOJI];
    const { stdout, stderr } = await succeed(["evaluate", ...sets, "--features", run, "--out", folder]);
    const got = JSON.parse(await readFile(path.join(folder, "samples.json"), "utf8")) as LocalEvaluation;
    const { protocol, real } = got;
    const { tokenizer, dim, neighbours } = protocol.local;
    assert.equal([protocol.inception, got.gfid, got.inceptionScore, real.gfid], [null, null, null, null]);
    assert.equal([tokenizer, dim], [(await loadTokenizer(run)).hash, 16]);
    assert.equal(
      [protocol.local.samples, protocol.local.reference, protocol.local.real, protocol.local.singularCovariance],
      [6, 240, 6, true],
    );
    assert.equal(neighbours, { precisionRecall: 3, densityCoverage: 5, among: 6 });
    for (const of of [got, real]) {
      assert.ok(of.localFrechet > 0);
      for (const share of [of.localPrecision, of.localRecall, of.localCoverage]) assert.ok(share >= 0 && share <= 1);
      assert.ok(of.localDensity >= 0);
    }
    assert.match(stdout, /^Fréchet distance on features of .*vq \(not comparable to published FID\) +[\d.]+ +[\d.]+$/m);
    assert.match(stdout, /of little worth, with 6 images for 16 features$/m);
    assert.match(stderr, /warning: Fréchet distance: of little worth, with 6 images for 16 features/);
  }));

test("the reference's statistics are kept for the next samples", () =>
  inTemporaryFolder(async (folder) => {
    const samples = path.join(folder, "samples");
    await writeCopies(samples, ["food", "animals", "flags", "food", "animals", "flags"]);
    const [inception, statistics] = [path.join(folder, "inception.safetensors"), path.join(folder, "kept")];
    await writeHostTensors(inception, hashedInception());
    const reference = path.join(folder, "reference");
    await writeCopies(reference, ["food", "animals", "flags", "people", "food", "animals", "flags"]);
    const args = ["evaluate", "--samples", samples, "--reference", reference, "--inception", inception];
    const evaluation = async () =>
      jsonOf(await succeed([...args, "--statistics", statistics, "--json"])) as unknown as GfidEvaluation;
    const first = await evaluation();
    assert.ok(first.gfid > 0);
    assert.equal([first.inceptionScore.splits, first.referenceInceptionScore.splits], [6, 7]);
    assert.ok(first.precision >= 0 && first.precision <= 1);
    const second = await evaluation();
    assert.equal(
      [first, second].map((one) => one.protocol.inception.statistics.read),
      [false, true],
    );
    const { protocol: _, seconds: __, ...figures } = first;
    const { protocol: ___, seconds: ____, ...again } = second;
    assert.equal(again, figures);
  }));

type LocalProtocol = {
  tokenizer: string;
  dim: number;
  samples: number;
  reference: number;
  real: number;
  singularCovariance: boolean;
  neighbours: Record<string, number>;
};
type LocalScores = Record<"localFrechet" | "localPrecision" | "localRecall" | "localDensity" | "localCoverage", number>;
type LocalEvaluation = LocalScores & {
  gfid: null;
  inceptionScore: null;
  real: LocalScores & { gfid: null };
  protocol: { inception: null; local: LocalProtocol };
};
type GfidEvaluation = {
  gfid: number;
  precision: number;
  inceptionScore: { splits: number };
  referenceInceptionScore: { splits: number };
  protocol: { inception: { statistics: { read: boolean } } };
  seconds: number;
};

type SetScores = {
  images: number;
  nearestClassShare: number;
  perClass: { className: string }[];
  meanDistance: number;
  minDistance: number;
  copies: number;
};
type SamplesEvaluation = SetScores & { referenceImages: number; real: SetScores };

/** The next training image of each of these classes, as `sample` would lay them out; 0 and 1 number other classes. */
async function writeCopies(folder: string, classNames: readonly string[]): Promise<void> {
  await mkdir(folder);
  const images = [];
  for (const [i, className] of classNames.entries()) {
    const from = fixture("emoji-mini", "train", className);
    const file = `00000${i}.png`;
    const before = classNames.slice(0, i).filter((name) => name === className).length;
    await copyFile(path.join(from, (await readdir(from)).sort()[before]!), path.join(folder, file));
    images.push({ file, class: i, className, seed: i });
  }
  await writeFile(path.join(folder, "index.json"), JSON.stringify({ images }));
}

test.run();
