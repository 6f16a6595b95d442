import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { ImagePair } from "../../lib/metrics/imagePair.js";
import { createLpips } from "../../lib/metrics/lpips.js";
import { perceptualWeights } from "../../lib/models/foreign/perceptualWeights.js";
import { goldenLpips } from "../models/support/lpips.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("metrics/lpips");

/** The golden pairs, their distances, and the metric compiled for them. */
async function opened(batchSize: number) {
  const file = await goldenLpips();
  const { config: vgg, tensors } = file;
  const weights = perceptualWeights({ vgg: { what: "golden", tensors } }, vgg);
  const engine = await createOnnxEngine({ threads: 1 });
  const metric = await createLpips({ engine, weights, vgg, imageShape: [32, 32, 3], batchSize });
  const originals = file.images.data as Float32Array;
  const reconstructions = file.reconstructions.data as Float32Array;
  const pair: ImagePair = { originals, reconstructions, shape: [2, 32, 32, 3] };
  return { metric, pair, want: file.perImage };
}

for (const batchSize of [1, 2, 3])
  test(`in batches of ${batchSize} two pairs have the reference's distances`, async () => {
    const { metric, pair, want } = await opened(batchSize);
    expectClose(await metric.measure(pair), want, "lpips", { relative: 1e-5 });
    await metric.close();
  });

test("five pairs in batches of two are measured one by one, in order", async () => {
  const { metric, pair, want } = await opened(2);
  const each = 32 * 32 * 3;
  const pick = (all: Float32Array) => {
    const chosen = new Float32Array(5 * each);
    for (const [at, image] of ORDER.entries()) chosen.set(all.subarray(image * each, (image + 1) * each), at * each);
    return chosen;
  };
  const many: ImagePair = {
    originals: pick(pair.originals),
    reconstructions: pick(pair.reconstructions),
    shape: [5, 32, 32, 3],
  };
  expectClose(
    await metric.measure(many),
    ORDER.map((image) => want[image]!),
    "lpips",
    { relative: 1e-5 },
  );
  await metric.close();
});

const ORDER = [1, 0, 0, 1, 1];

test("equal images have distance 0, and exchanging the sides changes nothing", async () => {
  const { metric, pair, want } = await opened(2);
  const { originals, reconstructions } = pair;
  assert.equal([...(await metric.measure({ ...pair, reconstructions: originals }))], [0, 0]);
  const exchanged = { ...pair, originals: reconstructions, reconstructions: originals };
  expectClose(await metric.measure(exchanged), want, "exchanged", { relative: 1e-5 });
  assert.equal(
    [
      ...(await metric.measure({
        originals: new Float32Array(),
        reconstructions: new Float32Array(),
        shape: [0, 32, 32, 3],
      })),
    ],
    [],
  );
  await metric.close();
});

test("images of another size, and data that do not fit, are refused", async () => {
  const { metric, pair } = await opened(2);
  const refused = (wrong: ImagePair, message: RegExp) => expectRejection(metric.measure(wrong), RangeError, message);
  await refused({ ...pair, shape: [2, 64, 16, 3] }, /lpips: want images of \[32, 32, 3\], got \[64, 16, 3\]/);
  await refused({ ...pair, shape: [3, 32, 32, 3] }, /lpips: originals want 9216 values for \[3, 32, 32, 3\], got 6144/);
  await metric.close();
});

test.run();
