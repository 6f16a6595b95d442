import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Reading } from "../../../commands/run/neighbourSearch.js";
import { type Eye, hashPixels, lookAt } from "../../../commands/run/seenSet.js";
import type { ImageSource } from "../../../lib/data/source.js";
import { DataError } from "../../../lib/errors.js";
import { inceptionScore } from "../../../lib/metrics/inceptionScore.js";
import { INCEPTION_LOGITS } from "../../../lib/models/inception.js";
import { plainSource } from "../../data/support.js";
import { expectClose, expectRejection } from "../../support.js";
import { pixelEye } from "./support/pixelEye.js";

const test = suite("commands/run/seenSet");

const reading: Reading = { size: 2, channels: 3, resize: "cover", batchSize: 4, strict: false };

test("a set has its moments, the rows of its places and the hash of its pixels", async () => {
  const seen: number[] = [];
  const source = plainSource(9);
  const options = { eye: pixelEye(), reading, onProgress: (images: number) => seen.push(images) };
  const { moments, rows, pixels, inceptionScore: score } = await lookAt(source, options);
  assert.equal(seen, [4, 4, 1]);
  assert.is(moments.count, 9);
  expectClose(moments.mean, [4, 1], "mean", { absolute: 1e-5 });
  expectClose(moments.covariance, [7.5, 0, 0, 0], "covariance", { absolute: 1e-4 });
  expectClose(rows, Array.from({ length: 9 }, (_, i) => [i, 1]).flat(), "rows", { absolute: 1e-5 });
  assert.is(score, undefined, "no classifier");
  const all = Float32Array.from({ length: 9 * 12 }, (_, k) => Math.floor(k / 12) / 255);
  assert.is(pixels, createHash("sha256").update(new Uint8Array(all.buffer)).digest("hex"));
  assert.is(await hashPixels(source, { reading }), pixels);
  const some = await lookAt(source, { ...options, kept: new Set([2, 7]) });
  expectClose(some.rows, [2, 1, 7, 1], "rows of some", { absolute: 1e-5 });
  assert.equal(some.moments, moments);
});

test("a classifier gives an Inception Score", async () => {
  const logitsOf = (images: Float32Array) => {
    const logits = new Float32Array((images.length / 12) * INCEPTION_LOGITS);
    for (let i = 0; i * 12 < images.length; i++) logits[i * INCEPTION_LOGITS] = 300 * images[i * 12]!;
    return logits;
  };
  const plain = pixelEye();
  const eye: Eye = { ...plain, see: async (images) => ({ ...(await plain.see(images)), logits: logitsOf(images) }) };
  const { inceptionScore: got } = await lookAt(plainSource(9), { eye, reading });
  const all = Float32Array.from({ length: 9 * 12 }, (_, k) => Math.floor(k / 12) / 255);
  assert.equal(got, inceptionScore(logitsOf(all), INCEPTION_LOGITS, { splits: 9 }));
});

test("damaged images are passed over, and one image is no set", async () => {
  const sound = plainSource(3);
  const broken = (...places: number[]): ImageSource => ({
    ...sound,
    input: (i) => (places.includes(i) ? { file: "/nowhere.png" } : sound.input(i)),
  });
  const { moments, rows } = await lookAt(broken(1), { eye: pixelEye(), reading, kept: new Set([1, 2]) });
  assert.is(moments.count, 2);
  expectClose(rows, [2, 1], "rows", { absolute: 1e-5 });
  await expectRejection(lookAt(broken(0, 1), { eye: pixelEye(), reading }), DataError, /at least two images .* got 1/);
});

test.run();
