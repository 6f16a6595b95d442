import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pixelErrors } from "../../lib/metrics/pixelErrors.js";
import { psnrOf } from "../../lib/metrics/psnr.js";
import { scoreReconstructions } from "../../lib/metrics/reconstructionScores.js";
import { ssim } from "../../lib/metrics/ssim.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("metrics/reconstructionScores");

const noise = (length: number, seed: number): Float32Array => {
  const rng = rngFrom(seed);
  return Float32Array.from({ length }, () => rng.uniform());
};

test("errors of 0.1 and 0.2 everywhere give 20 dB and 13.98 dB, and their means", () => {
  const scorer = scoreReconstructions();
  scorer.add({
    originals: new Float32Array(8).fill(0.5),
    reconstructions: Float32Array.of(0.6, 0.4, 0.6, 0.4, 0.7, 0.3, 0.7, 0.3),
    shape: [2, 2, 2, 1],
  });
  const scores = scorer.result();
  assert.is(scores.images, 2);
  expectClose([scores.mae, scores.mse], [0.15, 0.025], "mae, mse", { absolute: 1e-7 });
  expectClose([scores.psnr, scores.psnrOfMeanMse], [(20 + 13.9794) / 2, 16.0206], "psnr", { absolute: 1e-4 });
  assert.is(scores.exactImages, 0);
});

test("how images are batched does not matter", () => {
  const shape = [5, 12, 13, 3] as const;
  const each = 12 * 13 * 3;
  const [originals, reconstructions] = [noise(5 * each, 1), noise(5 * each, 2)];
  const scorer = scoreReconstructions();
  for (const [from, count] of [
    [0, 2],
    [2, 3],
  ] as const) {
    const part = (all: Float32Array) => all.subarray(from * each, (from + count) * each);
    scorer.add({ originals: part(originals), reconstructions: part(reconstructions), shape: [count, 12, 13, 3] });
  }
  const scores = scorer.result();
  const { mae, mse } = pixelErrors({ originals, reconstructions, shape });
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / 5;
  expectClose(
    [scores.mae, scores.mse, scores.psnr, scores.ssim ?? Number.NaN],
    [mean(mae), mean(mse), mean(mse.map(psnrOf)), mean(ssim({ originals, reconstructions, shape }))],
    "scores",
    { relative: 1e-12 },
  );
});

test("an exact image makes the mean PSNR infinite and is counted", () => {
  const scorer = scoreReconstructions();
  const originals = Float32Array.of(0, 0, 0, 1);
  scorer.add({ originals, reconstructions: Float32Array.of(0, 0, 0, 0), shape: [2, 1, 2, 1] });
  const { psnr, psnrOfMeanMse, exactImages } = scorer.result();
  assert.is(psnr, Number.POSITIVE_INFINITY);
  expectClose([psnrOfMeanMse], [6.0206], "psnr of the mean error", { absolute: 1e-4 });
  assert.is(exactImages, 1);
});

test("images smaller than the window of SSIM have none", () => {
  const scorer = scoreReconstructions();
  scorer.add({ originals: new Float32Array(110), reconstructions: new Float32Array(110), shape: [1, 10, 11, 1] });
  assert.is(scorer.result().ssim, undefined);
});

test("measures of networks are averaged over images, however these are batched; one of some images is an error", () => {
  const images = (count: number) => new Float32Array(count);
  const scorer = scoreReconstructions();
  const add = (count: number, lpips: number[], logitLaplace?: number[]) =>
    scorer.add(
      { originals: images(count), reconstructions: images(count), shape: [count, 1, 1, 1] },
      { lpips: Float64Array.from(lpips), logitLaplace: logitLaplace && Float32Array.from(logitLaplace) },
    );
  add(3, [0.25, 0.5, 0.75]);
  add(1, [1]);
  assert.equal([scorer.result().lpips, scorer.result().logitLaplace], [0.625, undefined]);
  add(1, [0], [-2]);
  assert.throws(() => scorer.result(), /logit-laplace of all 5 images or of none, got 1/);
});

test("no images is an error", () => {
  assert.throws(() => scoreReconstructions().result(), /at least one image/);
});

test.run();
