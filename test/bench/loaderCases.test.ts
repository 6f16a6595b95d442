import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentArguments, findLoaderCase, USUAL_LOADER_CASES, writeIdx } from "../../bench/loaderCases.js";
import { measureLoading } from "../../bench/loadingRate.js";
import { NO_AUGMENT } from "../../lib/data/augment.js";
import { decodeImage } from "../../lib/data/decode.js";
import { openSource, type Pixels } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { fixture, inTemporaryFolder } from "../support.js";

const test = suite("bench/loaderCases");

test("the images of a case have the size that it decodes from", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = await openSource(await findLoaderCase("png-64").images(folder, undefined));
    assert.equal([source.kind, source.count], ["classes", 240]);
    const whole = await decodeImage(source.input(7), centredView({ size: 64, channels: 3 }));
    const enlarged = await decodeImage(source.input(7), { ...centredView({ size: 64, channels: 3 }), shorterSide: 65 });
    assert.is(whole.length, enlarged.length);
    assert.not.equal(whole, enlarged);
  });
  const photos = await findLoaderCase("jpeg-256").images("unused", "my/photos");
  assert.is(photos, "my/photos");
});

test("an IDX file of a source holds what decoding it gives", async () => {
  await inTemporaryFolder(async (folder) => {
    const source = await openSource(fixture("photos-mini"));
    const file = path.join(folder, "images-idx4-ubyte");
    const view = { size: 24, channels: 3 } as const;
    await writeIdx(file, source, view);
    const idx = await openSource(file);
    assert.equal([idx.kind, idx.count], ["idx", source.count]);
    for (let i = 0; i < idx.count; i++) {
      const { pixels, width, height, channels } = idx.input(i) as Pixels;
      assert.equal([width, height, channels], [24, 24, 3]);
      assert.equal(Buffer.from(pixels), Buffer.from(await decodeImage(source.input(i), centredView(view))));
    }
  });
});

test("an IDX file leaves out what is damaged", () =>
  inTemporaryFolder(async (folder) => {
    const photos = path.join(folder, "photos");
    await cp(fixture("photos-mini"), photos, { recursive: true });
    const source = await openSource(photos);
    const view = { size: 24, channels: 3 } as const;
    const last = await decodeImage(source.input(source.count - 1), centredView(view));
    await writeFile(path.join(photos, source.name(1)), "spoilt");
    const file = path.join(folder, "images-idx4-ubyte");
    await writeIdx(file, source, view);
    const idx = await openSource(file);
    assert.is(idx.count, source.count - 1);
    assert.equal(Buffer.from((idx.input(idx.count - 1) as Pixels).pixels), Buffer.from(last));
  }));

test("a rate is that of batches taken as training takes them", async () => {
  const source = await openSource(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  const options = { source, view: { size: 28, channels: 1 }, batchSize: 10, seed: 1 } as const;
  const began = performance.now();
  const { imagesPerSecond, processorSeconds } = await measureLoading(options, { rounds: 3, seconds: 0.05, before: 20 });
  const most = (performance.now() - began) / 1000;
  assert.ok(most > 0.15 && imagesPerSecond > 10 / most, `${imagesPerSecond} images/s`);
  assert.ok(processorSeconds > 0 && processorSeconds < 1 / 10, `${processorSeconds} s`);
});

test("augmentations are stated as options, and an unknown case is refused by name", () => {
  assert.equal(augmentArguments(NO_AUGMENT), ["--crop", "center"]);
  const { augment } = findLoaderCase("png-64");
  assert.equal(augmentArguments(augment), ["--crop", "random", "--crop-scale", "1,1.125", "--flip"]);
  for (const name of USUAL_LOADER_CASES) assert.is(findLoaderCase(name).steps % 3, 0, "intervals of equal length");
  assert.throws(() => findLoaderCase("gif"), /--case: want some of idx-28, .*got "gif"/);
});

test.run();
