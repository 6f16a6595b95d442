import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSource } from "../../lib/data/source.js";
import { imageFeatures } from "../../lib/probe/imageFeatures.js";
import { expectClose, fixture } from "../support.js";

const test = suite("probe/imageFeatures");

const view = { size: 28, channels: 1, resize: "cover" } as const;

test("are the pixels of each image in one row, and its label", async () => {
  const source = await openSource(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  const seen: number[] = [];
  const onProgress = (images: number) => seen.push(images);
  const { features, labels } = await imageFeatures({ source, ...view, limit: 70, onProgress });
  assert.equal(seen, [64, 70]);
  assert.is(features.length, 70 * 784);
  for (const i of [0, 69]) {
    const input = source.input(i);
    if (!("pixels" in input)) return assert.unreachable("an IDX file holds pixels");
    const wanted = Float32Array.from(input.pixels, (value) => value / 255);
    expectClose(features.subarray(i * 784, (i + 1) * 784), wanted, `image ${i}`, { absolute: 1e-6 });
    assert.is(labels[i], source.label(i));
  }
});

test("stop at the end of the source, in the size and channels asked for", async () => {
  const source = await openSource(fixture("photos-mini"));
  const { features, labels } = await imageFeatures({ source, size: 8, channels: 3, resize: "squash", limit: 1000 });
  assert.is(features.length, 5 * 8 * 8 * 3);
  assert.equal([...labels], [-1, -1, -1, -1, -1]);
});

test("are what a function makes of batches of images, if one is given", async () => {
  const source = await openSource(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  const counts: number[] = [];
  const featuresOf = async (images: Float32Array, count: number) => {
    counts.push(count);
    assert.is(images.length, count * 784);
    const brightest = (i: number) => images.subarray(i * 784, (i + 1) * 784).reduce((a, b) => Math.max(a, b), 0);
    return Float32Array.from({ length: 2 * count }, (_, at) => (at % 2 === 0 ? 7 : brightest(at >> 1)));
  };
  const { features, labels } = await imageFeatures({ source, ...view, limit: 70, featuresOf });
  assert.equal([counts, labels.length, features.length], [[64, 6], 70, 140]);
  const pixels = (await imageFeatures({ source, ...view, limit: 70 })).features;
  for (const i of [0, 69])
    assert.is(features[2 * i + 1], Math.max(...pixels.subarray(i * 784, (i + 1) * 784)), `image ${i}`);
});

test.run();
