import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareFeatures, compareLocally } from "../../../commands/run/evaluateFeatures.js";
import type { StoredFeatures } from "../../../commands/run/evaluateStatistics.js";
import { DataError, FileError } from "../../../lib/errors.js";
import { inceptionScore } from "../../../lib/metrics/inceptionScore.js";
import { INCEPTION_FEATURES, INCEPTION_LOGITS } from "../../../lib/models/inception.js";
import { expectClose, expectRejection, expectThrow } from "../../support.js";

const test = suite("commands/run/evaluateFeatures");

/** Logits of an image of one pixel: as sure of class 0 as it is bright. */
const logitsOf = (images: Float32Array) => {
  const logits = new Float32Array(images.length * INCEPTION_LOGITS);
  for (const [i, pixel] of images.entries()) logits[i * INCEPTION_LOGITS] = 20 * pixel;
  return logits;
};

/** In place of the network: the pixel is the first feature, and the only one that is not 0. */
function pixelExtractor() {
  const seen: number[][] = [];
  const extract = async (images: Float32Array) => {
    seen.push([...images]);
    const pooled = new Float32Array(images.length * INCEPTION_FEATURES);
    for (const [i, pixel] of images.entries()) pooled[i * INCEPTION_FEATURES] = pixel;
    return { pooled, logits: logitsOf(images) };
  };
  return { extract, seen };
}

const bytes = (...values: number[]) => Float32Array.from(values, (value) => value / 255);

const ORIGINALS = bytes(0, 51, 102, 255, 204, 153, 0, 0, 255, 17, 34, 68);
const RECONSTRUCTIONS = bytes(10, 60, 100, 200, 200, 140, 20, 10, 230, 20, 40, 60);

/** All images, five a batch. */
async function compare(stored?: StoredFeatures, originals = ORIGINALS, reconstructions = RECONSTRUCTIONS) {
  const extractor = pixelExtractor();
  const comparison = compareFeatures({ extractor, stored });
  for (let at = 0; at < originals.length; at += 5) {
    const [given, made] = [originals, reconstructions].map((all) => all.subarray(at, at + 5)) as [
      Float32Array,
      Float32Array,
    ];
    await comparison.add({ originals: given, reconstructions: made, shape: [given.length, 1, 1, 1] });
  }
  return { scores: () => comparison.result(), seen: extractor.seen };
}

/** Mean and sample deviation. */
function normalOf(values: Float32Array): readonly [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, Math.sqrt(squares / (values.length - 1))];
}

test("rFID is the distance of originals and reconstructions, and each side has its own Inception Score", async () => {
  const scores = (await compare()).scores();
  const [[m1, s1], [m2, s2]] = [normalOf(ORIGINALS), normalOf(RECONSTRUCTIONS)];
  expectClose([scores.rfid], [(m1 - m2) ** 2 + (s1 - s2) ** 2], "rFID", { relative: 1e-6 });
  assert.equal([scores.images, scores.originals.moments.count], [12, 12]);
  const scoreOf = (images: Float32Array) => inceptionScore(logitsOf(images), INCEPTION_LOGITS, { splits: 10 });
  assert.equal(scores.inceptionScore, scoreOf(RECONSTRUCTIONS));
  assert.equal(scores.originals.inceptionScore, scoreOf(ORIGINALS));
});

test("reconstructions are seen as whole bytes, originals as they are", async () => {
  const { seen } = await compare(undefined, bytes(1, 2), bytes(0.4, 254.6));
  assert.equal(seen, [[...bytes(1, 2)], [...bytes(0, 255)]]);
});

test("a set of fewer images than ten has a split for each", async () => {
  const { scores } = await compare(undefined, bytes(1, 2, 3), bytes(1, 2, 4));
  const { splits, mean } = scores().inceptionScore;
  assert.is(splits, 3);
  expectClose([mean], [1], "of one image each", { absolute: 1e-12 });
});

test("known originals are not looked at again, and give the same figures", async () => {
  const first = (await compare()).scores();
  const { scores, seen } = await compare({ ...first.originals, file: "kept" });
  const { originals, ...figures } = scores();
  const { originals: before, ...want } = first;
  assert.equal(figures, want);
  assert.is(originals.moments, before.moments);
  assert.is(seen.length, 3, "three batches of reconstructions");
});

test("originals that have changed are refused", async () => {
  const first = (await compare()).scores();
  const changed = ORIGINALS.map((value, i) => (i === 7 ? 1 / 255 : value));
  const { scores } = await compare({ ...first.originals, file: "kept" }, changed);
  expectThrow(scores, FileError, /^kept: .*changed/);
});

/** The distance by a featurizer of one feature, the pixel, all images five a batch. */
async function compareLocal(originals: Float32Array, reconstructions: Float32Array) {
  const comparison = compareLocally({ dim: 1, extract: async (images) => images });
  for (let at = 0; at < originals.length; at += 5) {
    const [given, made] = [originals.subarray(at, at + 5), reconstructions.subarray(at, at + 5)];
    await comparison.add({ originals: given, reconstructions: made, shape: [given.length, 1, 1, 1] });
  }
  return comparison.result();
}

test("on features of a tokenizer it is the same distance, reconstructions seen as whole bytes", async () => {
  const { images, frechet } = await compareLocal(
    ORIGINALS,
    RECONSTRUCTIONS.map((value) => value + 0.4 / 255),
  );
  const [[m1, s1], [m2, s2]] = [normalOf(ORIGINALS), normalOf(RECONSTRUCTIONS)];
  expectClose([frechet], [(m1 - m2) ** 2 + (s1 - s2) ** 2], "distance", { relative: 1e-6 });
  assert.is(images, 12);
  await expectRejection(compareLocal(bytes(1), bytes(2)), DataError, /at least two images, got 1/);
});

test("one image has no spread", async () => {
  const { scores } = await compare(undefined, bytes(1), bytes(2));
  expectThrow(scores, DataError, /at least two images, got 1/);
});

test.run();
