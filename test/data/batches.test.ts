import { copyFile, cp, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Augment, drawView } from "../../lib/data/augment.js";
import { type ImageBatch, sequentialBatches, trainingBatches } from "../../lib/data/batches.js";
import { decodeImage } from "../../lib/data/decode.js";
import { openSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { DataError } from "../../lib/errors.js";
import { streamSeed } from "../../lib/random.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";
import { augment, plainSource, take, view, watched } from "./support.js";

const test = suite("image batches");

async function all(batches: AsyncIterable<ImageBatch>): Promise<ImageBatch[]> {
  const taken: ImageBatch[] = [];
  for await (const batch of batches) taken.push(batch);
  return taken;
}

test("a training batch holds the views its streams say, as floats in [0, 1]", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  const [first] = await take(trainingBatches({ source, view, augment, batchSize: 4, seed: 3 }), 1);
  const { images, labels, indices } = first!;
  for (const [b, index] of indices.entries()) {
    const drawn = drawView(view, augment, streamSeed(3, "augment", 0, index));
    const want = await decodeImage(source.input(index), drawn);
    const each = 24 * 24 * 3;
    assert.equal(
      images.subarray(b * each, (b + 1) * each),
      Float32Array.from(want, (value) => value / 255),
    );
    assert.is(labels[b], source.label(index));
  }
});

test("resumed at step 7, the batches are those of an uninterrupted run, augmentation included", async () => {
  const options = { source: await openSource(fixture("emoji-mini", "val")), view, augment, batchSize: 8, seed: 11 };
  const whole = await take(trainingBatches(options), 12);
  const resumed = await take(trainingBatches({ ...options, startStep: 7 }), 5);
  assert.equal(resumed, whole.slice(7));
  assert.equal(
    whole.map(({ step, epoch }) => [step, epoch]),
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1].map((epoch, step) => [step, epoch]),
  );
  const [other] = await take(trainingBatches({ ...options, seed: 12 }), 1);
  assert.not.equal(other!.indices, whole[0]!.indices);
});

test("an epoch holds every image once, also when batches lie across two epochs", async () => {
  const taken = await take(
    trainingBatches({ source: plainSource(10), view: { size: 2, channels: 3 }, batchSize: 4, seed: 1 }),
    5,
  );
  const indices = taken.flatMap((batch) => [...batch.indices]);
  for (const epoch of [indices.slice(0, 10), indices.slice(10)])
    assert.equal(
      epoch.sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
});

test("views differ from epoch to epoch, and about half are mirrored", async () => {
  const source = await openSource(fixture("emoji-mini", "val", "food"));
  const flip: Augment = { resize: "cover", crop: "center", flip: true };
  const plain = await all(sequentialBatches({ source, view, batchSize: 12 }));
  const each = 24 * 24 * 3;
  const imageOf = (batch: ImageBatch, b: number) => batch.images.subarray(b * each, (b + 1) * each);
  const batches = await take(trainingBatches({ source, view, augment: flip, batchSize: 12, seed: 2 }), 8);
  let mirrored = 0;
  for (const batch of batches)
    for (const [b, index] of batch.indices.entries()) {
      const straight = imageOf(plain[0]!, index);
      const got = imageOf(batch, b);
      const back = got.map((_, i) => got[3 * (24 * Math.floor(i / 72) + 23 - (Math.floor(i / 3) % 24)) + (i % 3)]!);
      const isStraight = Buffer.from(got.buffer, got.byteOffset, got.byteLength).equals(
        Buffer.from(straight.buffer, straight.byteOffset, straight.byteLength),
      );
      if (!isStraight) assert.equal(back, straight);
      mirrored += Number(!isStraight);
    }
  assert.ok(mirrored > 33 && mirrored < 63, `${mirrored} of 96`);
});

test("reading runs ahead by `prefetch` batches and no further", async () => {
  const { source, reads } = watched(plainSource(100));
  const batches = trainingBatches({ source, view: { size: 2, channels: 3 }, batchSize: 5, seed: 0, prefetch: 3 });
  await batches.next();
  await batches.next();
  await batches.close();
  assert.is(reads.length, (2 + 3) * 5);
});

test("damaged images give way to others without moving the rest, alike after resuming", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("emoji-mini", "val"), root, { recursive: true });
    const sound = await openSource(root);
    const options = { source: sound, view, augment, batchSize: 10, seed: 6 };
    const before = await take(trainingBatches(options), 12);
    const bad = [3, 17, 42];
    for (const index of bad) await writeFile(path.join(root, sound.name(index)), "spoilt");
    const told: string[] = [];
    const batches = trainingBatches({ ...options, onDamaged: (name) => told.push(name) });
    const after = await take(batches, 12);
    for (const [s, batch] of after.entries())
      for (const [b, index] of batch.indices.entries()) {
        const was = before[s]!.indices[b]!;
        assert.not.ok(bad.includes(index));
        if (!bad.includes(was)) assert.is(index, was);
        assert.is(batch.labels[b], sound.label(index));
      }
    assert.equal([...told].sort(), bad.map((index) => sound.name(index)).sort());
    assert.is(batches.damaged.length, 3);
    assert.equal(await take(trainingBatches({ ...options, startStep: 7 }), 5), after.slice(7));
  }));

test("strict ends training at the step that meets the damaged image", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("emoji-mini", "val", "food"), root, { recursive: true });
    const source = await openSource(root);
    const options = { source, view, batchSize: 1, seed: 9, prefetch: 2 };
    const order = (await take(trainingBatches(options), 12)).map(({ indices }) => indices[0]!);
    await writeFile(path.join(root, source.name(order[4]!)), "");
    const batches = trainingBatches({ ...options, strict: true });
    for (let step = 0; step < 4; step++) await batches.next();
    const { message } = await expectRejection(batches.next(), DataError);
    assert.ok(message.includes(source.name(order[4]!)) && message.includes("the file is empty"), message);
    await batches.close();
  }));

test("when every image is damaged, training and walking end with an error", () =>
  inTemporaryFolder(async (root) => {
    for (const name of ["a.png", "b.jpg", "c.webp"]) await writeFile(path.join(root, name), "text");
    const source = await openSource(root);
    const batches = trainingBatches({ source, view, batchSize: 2, seed: 0 });
    await expectRejection(batches.next(), DataError, /no image of .* can be read: all 3/);
    await batches.close();
    await expectRejection(all(sequentialBatches({ source, view, batchSize: 2 })), DataError, /all 3/);
  }));

test("walking gives every image once, in order, centred, the last batch short", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  const batches = await all(sequentialBatches({ source, view, batchSize: 25 }));
  assert.equal(
    batches.map(({ labels, images }) => [labels.length, images.length / (24 * 24 * 3)]),
    [25, 25, 10].map((n) => [n, n]),
  );
  assert.equal(
    batches.flatMap(({ indices }) => [...indices]),
    Array.from({ length: 60 }, (_, i) => i),
  );
  assert.is(batches[2]!.labels[9], 4);
  const last = await decodeImage(source.input(59), centredView(view));
  assert.equal(
    batches[2]!.images.subarray(9 * last.length),
    Float32Array.from(last, (value) => value / 255),
  );
});

test("walking leaves damaged images out and fills the batch with the next", () =>
  inTemporaryFolder(async (root) => {
    for (const name of ["a", "c", "d", "e"])
      await copyFile(fixture("photos-mini", "cat.jpg"), path.join(root, `${name}.jpg`));
    await writeFile(path.join(root, "b.jpg"), "");
    const batches = sequentialBatches({ source: await openSource(root), view, batchSize: 2 });
    const taken = await all(batches);
    assert.equal(
      taken.map(({ indices }) => [...indices]),
      [
        [0, 2],
        [3, 4],
      ],
    );
    assert.equal(batches.damaged, [{ name: "b.jpg", reason: "the file is empty" }]);
  }));

test("walking stops at the limit, reads no more than that, and takes the view it is given", async () => {
  const { source, reads } = watched(plainSource(50));
  const two = { size: 2, channels: 3 } as const;
  const taken = await all(sequentialBatches({ source, view: two, batchSize: 4, limit: 6 }));
  assert.equal(
    taken.map(({ indices }) => [...indices]),
    [
      [0, 1, 2, 3],
      [4, 5],
    ],
  );
  assert.is(reads.length, 6);
  const place = (index: number) => ({ ...centredView(two), size: 1, flip: index % 2 === 1 });
  const [placed] = await all(sequentialBatches({ source, view: two, place, batchSize: 4, limit: 4 }));
  assert.is(placed!.images.length, 4 * 3);
});

test("several views of an image stand one after the other, across batches, and the limit counts images", async () => {
  const two = { size: 2, channels: 3 } as const;
  const place = (index: number, number: number) => ({ ...centredView(two), size: 1, flip: (index + number) % 2 === 1 });
  const walk = (batchSize: number) =>
    all(sequentialBatches({ source: plainSource(50), view: two, place, views: 3, batchSize, limit: 4 }));
  const taken = await walk(5);
  assert.equal(
    taken.map(({ indices }) => [...indices]),
    [
      [0, 0, 0, 1, 1],
      [1, 2, 2, 2, 3],
      [3, 3],
    ],
  );
  assert.equal([...taken[1]!.labels], [1, 2, 2, 2, 0]);
  const pixels = (batches: ImageBatch[]) => batches.flatMap(({ images }) => [...images]);
  assert.equal(pixels(taken), pixels(await walk(7)));
  assert.throws(() => sequentialBatches({ source: plainSource(1), view: two, views: 0, batchSize: 1 }), /views/);
});

test("an image that is damaged gives no view", () =>
  inTemporaryFolder(async (root) => {
    for (const name of ["a", "c"]) await copyFile(fixture("photos-mini", "cat.jpg"), path.join(root, `${name}.jpg`));
    await writeFile(path.join(root, "b.jpg"), "");
    const batches = sequentialBatches({ source: await openSource(root), view, views: 2, batchSize: 8, limit: 2 });
    assert.equal(
      (await all(batches)).flatMap(({ indices }) => [...indices]),
      [0, 0, 2, 2],
    );
    assert.is(batches.damaged.length, 1);
  }));

test("a walk reads ahead by bounded amounts and can be left early", async () => {
  const { source, reads } = watched(plainSource(100));
  for await (const { indices } of sequentialBatches({
    source,
    view: { size: 2, channels: 3 },
    batchSize: 4,
    prefetch: 2,
  }))
    if (indices[0] === 8) break;
  assert.ok(reads.length >= 12 && reads.length <= 12 + 8, `${reads.length} read`);
});

test("a walk that is left early leaves nothing under way", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  for await (const _ of sequentialBatches({ source, view, batchSize: 5 })) break;
  assert.equal(sharp.counters(), { queue: 0, process: 0 });
});

test("options out of range are refused before anything is read", () => {
  const options = { source: plainSource(4), view, batchSize: 2, seed: 0 };
  assert.throws(() => trainingBatches({ ...options, batchSize: 1.5 }), /batchSize/);
  assert.throws(() => trainingBatches({ ...options, prefetch: 0 }), /ahead/);
  assert.throws(() => trainingBatches({ ...options, view: { size: 0, channels: 3 } }), /size/);
  assert.throws(() => sequentialBatches({ ...options, batchSize: 0 }), /batchSize/);
});

test.run();
