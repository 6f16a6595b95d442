import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { countMoments } from "../../lib/metrics/featureMoments.js";
import { collectFeatures, createInceptionExtractor, extractSet } from "../../lib/metrics/inceptionFeatures.js";
import { inceptionParams } from "../../lib/models/foreign/inceptionState.js";
import { golden } from "../models/support/golden.js";
import { hashedImages, hashedInception } from "../models/support/hashedInception.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("metrics/inceptionFeatures");

const params = inceptionParams({ what: "hashed", tensors: hashedInception() });

const extractorOf = async (image: { height: number; width: number; channels: number }, batchSize: number) =>
  createInceptionExtractor({ engine: await createOnnxEngine(), params, protocol: "pytorch-fid", image, batchSize });

test("a stream of batches, cut otherwise than the graph's, gives PyTorch's features and their moments", async () => {
  const extractor = await extractorOf({ height: 61, width: 48, channels: 3 }, 2);
  const { data } = hashedImages("images", [2, 61, 48, 3]);
  const images = data as Float32Array;
  const first = images.subarray(0, images.length / 2);
  async function* batches() {
    yield { images: Float32Array.of(...images, ...first), labels: new Int32Array(3) };
    yield { images: first, labels: new Int32Array(1) };
  }
  const seen: number[] = [];
  const set = await extractSet({ extractor, batches: batches(), onProgress: (count) => seen.push(count) });
  await extractor.close();
  assert.equal(seen, [3, 4]);
  const file = await golden("inception.safetensors");
  const wanted = (name: string, width: number) => {
    const both = file.values(`pytorch-fid.${name}`);
    return Float32Array.of(...both, ...both.subarray(0, width), ...both.subarray(0, width));
  };
  expectClose(set.logits, wanted("logitsWithoutBias", 1008), "logits", { relative: 1e-5 });
  const counter = countMoments(2048);
  counter.add(wanted("pooled", 2048));
  const want = counter.result();
  assert.is(set.moments.count, 4);
  expectClose(set.moments.mean, want.mean, "mean", { relative: 1e-5 });
  expectClose(set.moments.covariance, want.covariance, "covariance", { relative: 1e-3 });
});

test("grey images are RGB images of three equal channels", async () => {
  const { data } = hashedImages("grey", [1, 9, 8, 1]);
  const grey = data as Float32Array;
  const colour = Float32Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)]!);
  const featuresOf = async (channels: number, images: Float32Array) => {
    const extractor = await extractorOf({ height: 9, width: 8, channels }, 1);
    const { pooled } = await extractor.extract(images);
    await expectRejection(extractor.extract(images.subarray(1)), RangeError, /want images of 9x8x\d, got \d+ values/);
    await extractor.close();
    return pooled;
  };
  expectClose(await featuresOf(1, grey), await featuresOf(3, colour), "features", { relative: 1e-6 });
});

test("a set of one image has no covariance", () => {
  const collector = collectFeatures();
  collector.add({ pooled: new Float32Array(2048), logits: new Float32Array(1008) });
  assert.throws(() => collector.result(), /at least two vectors/);
});

test.run();
