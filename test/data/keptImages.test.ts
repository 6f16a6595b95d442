/** What training batches keep of images, so that they are read once. */
import { cp, rm } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Batch, trainingBatches } from "../../lib/data/batches.js";
import { openSource } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";
import { augment, take, view } from "./support.js";

const test = suite("data/batches: images kept");

test("small sets are decoded once and stay the same", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("emoji-mini", "val", "food"), root, { recursive: true });
    const source = await openSource(root);
    const options = {
      source,
      view,
      augment: { ...augment, cropScale: [1, 1] },
      batchSize: 12,
      seed: 4,
      prefetch: 1,
    } as const;
    const uncached = await take(trainingBatches({ ...options, cacheBytes: 0 }), 6);
    const batches = trainingBatches(options);
    // The second batch may have been begun before all images of the first were kept; the third was not.
    const begun = [await batches.next(), await batches.next()];
    for (let i = 0; i < source.count; i++) await rm(path.join(root, source.name(i)));
    assert.equal([...begun, ...(await take(batches, 4))], uncached);
    assert.equal(batches.damaged, []);
  }));

test("small images that are enlarged differently every time are read once, and the batches stay the same", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("emoji-mini", "val", "food"), root, { recursive: true });
    const source = await openSource(root);
    const options = {
      source,
      view: { size: 72, channels: 3 },
      augment: { ...augment, cropScale: [1, 1.25] },
      batchSize: 12,
      seed: 4,
      prefetch: 1,
    } as const;
    const decoded = 12 * 90 ** 2 * 3;
    const sizes = Array.from({ length: 19 }, (_, i) => 72 + i); // 72 to 90
    const all = decoded + sizes.reduce((sum, side) => sum + 12 * side ** 2 * 3, 0);
    const uncached = await take(trainingBatches({ ...options, cacheBytes: decoded - 1 }), 6);
    for (const cacheBytes of [decoded, all - 1, all]) {
      await cp(fixture("emoji-mini", "val", "food"), root, { recursive: true });
      const batches = trainingBatches({ ...options, cacheBytes });
      // The second batch may have been begun before all images of the first were kept; the third was not.
      const begun = [await batches.next(), await batches.next()];
      for (let i = 0; i < source.count; i++) await rm(path.join(root, source.name(i)));
      assert.equal([...begun, ...(await take(batches, 4))], uncached);
      assert.equal(batches.damaged, []);
    }
  }));

test("images larger than what is asked for are kept in all sizes, if there is room for these", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("photos-mini"), root, { recursive: true });
    const source = await openSource(root);
    const options = {
      source,
      view: { size: 8, channels: 1 },
      augment: { ...augment, cropScale: [1, 1.125] }, // 8 and 9
      batchSize: 5,
      seed: 4,
      prefetch: 1,
    } as const;
    const room = 5 * (9 ** 2 * 3 + 8 ** 2 + 9 ** 2);
    const steps = 12; // by then every image was there in both sizes
    const want = await take(trainingBatches({ ...options, cacheBytes: 0 }), steps + 4);
    /** Batches of `steps`, after which the files are gone. */
    const takeAndRemove = async (cacheBytes: number) => {
      await cp(fixture("photos-mini"), root, { recursive: true });
      const batches = trainingBatches({ ...options, cacheBytes });
      const got: Batch[] = [];
      while (got.length < steps) got.push(await batches.next());
      for (let i = 0; i < source.count; i++) await rm(path.join(root, source.name(i)));
      return { batches, got };
    };
    const { batches, got } = await takeAndRemove(room);
    assert.equal([...got, ...(await take(batches, 4))], want);
    const poor = await takeAndRemove(room - 1);
    await expectRejection(take(poor.batches, 2), DataError, /can be read: all 5/); // one may have been read ahead
    await poor.batches.close();
  }));

test.run();
