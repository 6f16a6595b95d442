import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSource } from "../../lib/data/source.js";
import { pixelFeatures } from "../../lib/probe/pixels.js";
import { expectClose, fixture } from "../support.js";

const test = suite("probe/pixels");

const view = { size: 28, channels: 1, resize: "cover" } as const;

test("are the pixels of each image in one row, and its label", async () => {
  const source = await openSource(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  const seen: number[] = [];
  const onProgress = (images: number) => seen.push(images);
  const { features, labels } = await pixelFeatures({ source, ...view, limit: 70, onProgress });
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
  const { features, labels } = await pixelFeatures({ source, size: 8, channels: 3, resize: "squash", limit: 1000 });
  assert.is(features.length, 5 * 8 * 8 * 3);
  assert.equal([...labels], [-1, -1, -1, -1, -1]);
});

test.run();
