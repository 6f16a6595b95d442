import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeImage } from "../../commands/support/images.js";
import { loadTokenizer } from "../../commands/support/models.js";
import { sequentialBatches } from "../../lib/data/batches.js";
import { openSource } from "../../lib/data/source.js";
import { openEngine } from "../../lib/engine/open.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { expectClose, fixture, inTemporaryFolder, vitvq } from "../support.js";
import { smallTokenizer, writeTokenizer } from "./support/smallTokenizer.js";

const test = suite("commands/evaluate");

const EMOJI = fixture("emoji-mini", "val");

type Evaluation = Record<string, number | null> & { tokenizer: string };

test("a tokenizer's figures are those of plain loops over all images and codes", () =>
  inTemporaryFolder(async (folder) => {
    const run = await writeTokenizer(path.join(folder, "vq"));
    const out = path.join(folder, "evaluation");
    const { status, stdout, stderr } = await vitvq([
      "evaluate",
      EMOJI,
      "-t",
      run,
      "--limit",
      "50",
      "--batch-size",
      "16",
      "--out",
      out,
      "--json",
    ]);
    assert.is(status, 0, stderr);
    const got = JSON.parse(stdout) as Evaluation;
    const want = await plainFigures(run, 50);
    for (const name of ["psnr", "mae", "mse", "usage", "perplexity"] as const)
      expectClose([got[name]!], [want[name]], name, { relative: 1e-5 });
    assert.is(got["batchUsage"], got["usage"], "50 images are one batch");
    assert.ok(got["psnrOfMeanMse"]! <= got["psnr"]!);
    assert.ok(got["ssim"]! > -1 && got["ssim"]! < 1);
    assert.equal([got["images"], got["damaged"], got["tokensPerImage"], got["codebookSize"]], [50, 0, 16, 16]);
    assert.match(got.tokenizer, /^[0-9a-f]{64}$/);
    assert.equal(JSON.parse(await readFile(path.join(out, "evaluation.json"), "utf8")), got);
    const { width = 0, height = 0 } = await sharp(path.join(out, "reconstructions.png")).metadata();
    assert.ok(width > 8 * 64 && height > 6 * 64, `a picture of ${width} x ${height}`);
  }));

test("exact reconstructions leave no infinity in the JSON", () =>
  inTemporaryFolder(async (folder) => {
    const run = await writeTokenizer(path.join(folder, "vq"), { black: true });
    const data = path.join(folder, "data");
    await writeImage(path.join(data, "a.png"), new Float32Array(3 * 32 * 32), { height: 32, width: 32, channels: 3 });
    await writeFile(path.join(data, "b.png"), "no image");
    const out = path.join(folder, "out");
    const args = ["evaluate", data, "-t", run, "--out", out];
    const { status, stdout, stderr } = await vitvq(args);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^images +1 of 16 codes, 1 damaged left out\nPSNR +infinite/);
    assert.match(stderr, /b\.png: left out/);
    const got = JSON.parse(await readFile(path.join(out, "evaluation.json"), "utf8")) as Evaluation;
    assert.equal(
      [got["psnr"], got["psnrOfMeanMse"], got["exactImages"], got["ssim"], got["damaged"]],
      [null, null, 1, 1, 1],
    );
    const again = await vitvq(args);
    assert.is(again.status, 2);
    assert.match(again.stderr, /evaluation\.json exists; --force/);
  }));

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

test("what makes no sense together is refused before any work", () =>
  inTemporaryFolder(async (folder) => {
    for (const [args, want] of [
      [[], /evaluate wants images and --tokenizer, or --samples and --reference/],
      [[EMOJI], /evaluate wants images and --tokenizer/],
      [["--samples", folder], /--samples needs --reference/],
      [[EMOJI, "--samples", folder, "--reference", EMOJI], /the path .* has no part in the evaluation of --samples/],
      [["--samples", folder, "--reference", EMOJI, "-t", folder], /--tokenizer has no part/],
      [[EMOJI, "-t", folder, "--real", EMOJI], /--real has no part in the evaluation of a tokenizer/],
      [[EMOJI, "-t", folder, "--copy-distance", "0"], /--copy-distance has no part/],
    ] as const) {
      const { status, stderr } = await vitvq(["evaluate", ...args]);
      assert.is(status, 2, args.join(" "));
      assert.match(stderr, want);
    }
  }));

type SetScores = {
  images: number;
  nearestClassShare: number;
  perClass: { className: string }[];
  meanDistance: number;
  minDistance: number;
  copies: number;
};
type SamplesEvaluation = SetScores & { referenceImages: number; real: SetScores };

/** The first training image of each of these classes, as `sample` would lay them out; 0 and 1 number other classes. */
async function writeCopies(folder: string, classNames: readonly string[]): Promise<void> {
  await mkdir(folder);
  const images = [];
  for (const [i, className] of classNames.entries()) {
    const from = fixture("emoji-mini", "train", className);
    const file = `00000${i}.png`;
    await copyFile(path.join(from, (await readdir(from)).sort()[0]!), path.join(folder, file));
    images.push({ file, class: i, className, seed: i });
  }
  await writeFile(path.join(folder, "index.json"), JSON.stringify({ images }));
}

/** The same figures from all images at once, by loops that share nothing with lib/metrics. */
async function plainFigures(run: string, count: number) {
  const { model, weights } = await loadTokenizer(run);
  const source = await openSource(EMOJI);
  const view = { size: model.imageSize, channels: model.channels };
  const batch = await firstBatch(sequentialBatches({ source, view, batchSize: count, limit: count }));
  const engine = await openEngine("onnxruntime", { threads: 1 });
  const [encoder, decoder] = [
    await createEncoder({ engine, model, weights, batchSize: count }),
    await createDecoder({ engine, model, weights, batchSize: count }),
  ];
  const originals = batch.images;
  const codes = await encoder.encode(originals);
  const images = await decoder.decode(codes);
  await encoder.close();
  await decoder.close();
  const each = originals.length / count;
  let [psnr, mae, mse] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    let own = 0;
    for (let k = i * each; k < (i + 1) * each; k++) {
      mae += Math.abs(originals[k]! - images[k]!) / originals.length;
      own += (originals[k]! - images[k]!) ** 2 / each;
    }
    psnr += (10 * Math.log10(1 / own)) / count;
    mse += own / count;
  }
  const shares = [...new Set(codes)].map((code) => codes.filter((other) => other === code).length / codes.length);
  const entropy = shares.reduce((sum, share) => sum - share * Math.log(share), 0);
  return { psnr, mae, mse, usage: shares.length / smallTokenizer.codebookSize, perplexity: Math.exp(entropy) };
}

async function firstBatch<T>(batches: AsyncIterable<T>): Promise<T> {
  for await (const batch of batches) return batch;
  return assert.unreachable("no batch") as never;
}

test.run();
