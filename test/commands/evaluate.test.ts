import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeImage } from "../../commands/support/images.js";
import { loadTokenizer } from "../../commands/support/models.js";
import { sequentialBatches } from "../../lib/data/batches.js";
import { openSource } from "../../lib/data/source.js";
import { openEngine } from "../../lib/engine/open.js";
import { readFeatureStatistics } from "../../lib/files/featureStatistics.js";
import { weightsHash, writeHostTensors } from "../../lib/files/hostTensors.js";
import { countMoments } from "../../lib/metrics/featureMoments.js";
import { frechetDistance } from "../../lib/metrics/frechet.js";
import { createLpips } from "../../lib/metrics/lpips.js";
import { perceptualWeights } from "../../lib/models/foreign/perceptualWeights.js";
import { createAutoencoder, createDecoder, createEncoder, createFeaturizer } from "../../lib/sample/codec.js";
import { hashedInception } from "../models/support/hashedInception.js";
import { expectClose, fixture, inTemporaryFolder, vitvq } from "../support.js";
import { hashedCalibration, hashedVgg } from "./support/hashedVgg.js";
import { smallTokenizer, writeTokenizer } from "./support/smallTokenizer.js";
import { fail, jsonOf, succeed } from "./support/training.js";

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
    assert.ok(width > 8 * 64 && height > 9 * 64, `a picture of ${width} x ${height}`);
    for (const name of ["lpips", "logitLaplace", "rfid", "inceptionScore", "originalsInceptionScore"])
      assert.is(got[name], null, `${name} was not asked for`);
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
    assert.match(stdout, /^images +1 +of 16 codes, 1 damaged left out; 32 x 32 x 3, cover\n.*\nPSNR +infinite/);
    assert.match(stderr, /b\.png: left out/);
    const got = JSON.parse(await readFile(path.join(out, "evaluation.json"), "utf8")) as Evaluation;
    assert.equal(
      [got["psnr"], got["psnrOfMeanMse"], got["exactImages"], got["ssim"], got["damaged"]],
      [null, null, 1, 1, 1],
    );
    const again = await vitvq(args);
    assert.is(again.status, 2);
    assert.match(again.stderr, /evaluation\.json exists; --force/);
    await rm(path.join(out, "evaluation.json"));
    assert.match((await vitvq(args)).stderr, /reconstructions\.png exists; --force/, "pictures are kept, too");
    assert.is((await vitvq([...args, "--force"])).status, 0);
  }));

test("a decoder with densities has their loss, and LPIPS is that of the reconstructions by the files named", () =>
  inTemporaryFolder(async (folder) => {
    const run = await writeTokenizer(path.join(folder, "vq"), { logitLaplace: true });
    const [vgg, lpips] = [path.join(folder, "vgg.safetensors"), path.join(folder, "lpips.safetensors")];
    const [network, calibration] = [hashedVgg(), hashedCalibration()];
    await writeHostTensors(vgg, network);
    await writeHostTensors(lpips, calibration);
    const args = ["evaluate", EMOJI, "-t", run, "--limit", "5", "--batch-size", "3", "--vgg", vgg, "--lpips", lpips];
    const got = jsonOf(await succeed([...args, "--json"])) as Evaluation & { protocol: Protocol };
    const weights = perceptualWeights({
      vgg: { what: "vgg", tensors: network },
      calibration: { what: "lpips", tensors: calibration },
    });
    const want = await networkFigures(run, 5, weights);
    expectClose([got["lpips"]!], [want.lpips], "lpips", { relative: 1e-4 });
    expectClose([got["logitLaplace"]!], [want.logitLaplace], "logit-laplace", { relative: 1e-5 });
    assert.equal(got.protocol.logitLaplace?.images, 5);
    const { vgg: named, network: hash, images } = got.protocol.lpips!;
    assert.equal([named["file"], named["known"], hash, images], ["vgg.safetensors", false, weightsHash(weights), 5]);
  }));

test("the originals' statistics are kept, and with them the figures of Inception are the same", () =>
  inTemporaryFolder(async (folder) => {
    const run = await writeTokenizer(path.join(folder, "vq"));
    const [inception, statistics] = [path.join(folder, "inception.safetensors"), path.join(folder, "kept")];
    await writeHostTensors(inception, hashedInception());
    const out = path.join(folder, "out");
    const evaluation = (limit: number, ...more: string[]) => [
      ...["evaluate", EMOJI, "-t", run, "--limit", `${limit}`, "--inception", inception, "--statistics", statistics],
      ...more,
    ];
    const { stdout } = await succeed(evaluation(6, "--out", out));
    assert.match(
      stdout,
      /^rFID +[\d.,]+ +6 reconstructions, 6 originals; Inception \(inception\.safetensors, [0-9a-f]{12}, not the/m,
    );
    assert.match(stdout, /pytorch-fid.*of little worth, with 6 images for 2,048 features$/m);
    const first = JSON.parse(await readFile(path.join(out, "evaluation.json"), "utf8")) as InceptionEvaluation;
    assert.ok(first.rfid > 0);
    assert.equal([first.inceptionScore.splits, first.originalsInceptionScore.splits], [6, 6]);
    const { network } = first.protocol.inception;
    assert.is((await readFeatureStatistics(statistics, { network, protocol: "pytorch-fid" })).count, 6);
    const second = jsonOf(await succeed(evaluation(6, "--json"))) as InceptionEvaluation;
    assert.equal(
      [first, second].map((one) => one.protocol.inception.statistics.read),
      [false, true],
    );
    const figures = ({ rfid, inceptionScore, originalsInceptionScore }: InceptionEvaluation) => {
      return { rfid, inceptionScore, originalsInceptionScore };
    };
    assert.equal(figures(second), figures(first));
    await fail(evaluation(7), 4, /kept: .*number of images 6, here 7/);
  }));

test("a tokenizer's reconstructions are compared on features of another, and of itself with a word about it", () =>
  inTemporaryFolder(async (folder) => {
    const [run, judge] = [path.join(folder, "vq"), path.join(folder, "judge")];
    await writeTokenizer(run);
    await writeTokenizer(judge, { seed: 2 });
    const evaluation = (features: string) => ["evaluate", EMOJI, "-t", run, "--limit", "20", "--features", features];
    const finished = await succeed([...evaluation(judge), "--json"]);
    const got = jsonOf(finished) as unknown as { localFrechet: number; protocol: { local: LocalProtocol } };
    const { originals, images } = await reconstructed(run, 20);
    const want = await localDistance(judge, originals, images);
    expectClose([got.localFrechet], [want], "distance", { relative: 1e-3 });
    assert.equal([got.protocol.local.judgesItself, got.protocol.local.singularCovariance], [false, false]);
    assert.match((await succeed(evaluation(run))).stdout, /^Fréchet distance .*; the tokenizer judges itself$/m);
    const other = await writeTokenizer(path.join(folder, "other"), { imageSize: 64 });
    await fail(evaluation(other), 2, /--features: .*other sees images of 64 x 64 x 3, want 32 x 32 x 3 as/);
  }));

test("what makes no sense together is refused before any work", () =>
  inTemporaryFolder(async (folder) => {
    for (const [args, want] of [
      [[], /evaluate wants images and --tokenizer, a token file and --vim, or --samples and --reference/],
      [[EMOJI], /evaluate wants images and --tokenizer/],
      [["--samples", folder], /--samples needs --reference/],
      [
        [EMOJI, "--samples", folder, "--reference", EMOJI],
        /--data .*: changes nothing here; it wants a call without --samples/,
      ],
      [["--samples", folder, "--reference", EMOJI, "-t", folder], /--tokenizer: changes nothing here/],
      [[EMOJI, "-t", folder, "--real", EMOJI], /--real: changes nothing here; it wants --samples/],
      [[EMOJI, "-t", folder, "--copy-distance", "0"], /--copy-distance: changes nothing here/],
      [["--samples", folder, "--reference", EMOJI, "--vgg", "w"], /--vgg: .* it wants a call without --samples/],
      [["--samples", folder, "--reference", EMOJI, "--statistics", "s"], /--statistics: .* it wants --inception/],
      [["--samples", folder, "--reference", EMOJI, "--checkpoint"], /--checkpoint: changes nothing/],
      [[EMOJI, "-t", folder, "--statistics", "s"], /--statistics: .* it wants --inception/],
      [[EMOJI, "-t", folder, "--inception-protocol", "pytorch-fid"], /--inception-protocol: .* it wants --inception/],
    ] as const) {
      const { status, stderr } = await vitvq(["evaluate", ...args]);
      assert.is(status, 2, args.join(" "));
      assert.match(stderr, want);
    }
  }));

test("files that are no networks end the evaluation before it begins", () =>
  inTemporaryFolder(async (folder) => {
    const args = ["evaluate", EMOJI, "-t", await writeTokenizer(path.join(folder, "vq")), "--dry-run"];
    const other = fixture("golden", "posembed.safetensors");
    await fail([...args, "--lpips", other], 2, /--lpips: wants VGG-16's weights as well; download https:/);
    await fail([...args, "--vgg", other], 2, /no weights of channels; download https:.*name it with --lpips$/);
    await fail([...args, "--inception", other], 4, /posembed.* not weights of Inception v3 .*; missing: Conv2d_1a_3x3/);
  }));

type Protocol = {
  logitLaplace: { images: number } | null;
  lpips: { vgg: Record<string, unknown>; network: string; images: number } | null;
};
type InceptionEvaluation = {
  rfid: number;
  inceptionScore: { splits: number };
  originalsInceptionScore: { splits: number };
  protocol: { inception: { network: string; statistics: { read: boolean } } };
};

type LocalProtocol = { judgesItself: boolean; singularCovariance: boolean };

/** The first images as the tokenizer sees them, and what it makes of them. */
async function reconstructed(run: string, count: number) {
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
  return { engine, model, weights, originals, images, codes };
}

/** The same figures from all images at once, by loops that share nothing with lib/metrics. */
async function plainFigures(run: string, count: number) {
  const { originals, images, codes } = await reconstructed(run, count);
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

/** Means of what networks say of the first images, all in one batch. */
async function networkFigures(run: string, count: number, lpipsWeights: ReturnType<typeof perceptualWeights>) {
  const { engine, model, weights, originals, images: reconstructions } = await reconstructed(run, count);
  const { imageSize: side, channels } = model;
  const options = { engine, batchSize: count };
  const metric = await createLpips({ ...options, weights: lpipsWeights, imageShape: [side, side, channels] });
  const distances = await metric.measure({ originals, reconstructions, shape: [count, side, side, channels] });
  const autoencoder = await createAutoencoder({ ...options, model, weights });
  const { logitLaplace } = await autoencoder.autoencode(originals);
  await metric.close();
  await autoencoder.close();
  const mean = (values: Float32Array | Float64Array) => [...values].reduce((sum, value) => sum + value, 0) / count;
  return { lpips: mean(distances), logitLaplace: mean(logitLaplace!) };
}

/** The Fréchet distance by sets as a whole, through a program of the encoder's tokens. */
async function localDistance(run: string, originals: Float32Array, images: Float32Array): Promise<number> {
  const { model, weights } = await loadTokenizer(run);
  const engine = await openEngine("onnxruntime", { threads: 1 });
  const featurizer = await createFeaturizer({ engine, model, weights, batchSize: 20 });
  const momentsOf = async (all: Float32Array) => {
    const counter = countMoments(featurizer.dim);
    counter.add(await featurizer.extract(all.map((value) => Math.round(255 * value) / 255)));
    return counter.result();
  };
  const distance = frechetDistance(await momentsOf(originals), await momentsOf(images));
  await featurizer.close();
  return distance;
}

async function firstBatch<T>(batches: AsyncIterable<T>): Promise<T> {
  for await (const batch of batches) return batch;
  return assert.unreachable("no batch") as never;
}

test.run();
