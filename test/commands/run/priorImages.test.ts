import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PriorData, PriorFeed } from "../../../commands/run/priorData.js";
import { openPriorImages } from "../../../commands/run/priorImages.js";
import { loadTokenizer } from "../../../commands/support/models.js";
import type { TrainVimConfig } from "../../../commands/trainVim.js";
import { trainingBatches } from "../../../lib/data/batches.js";
import { openSource } from "../../../lib/data/source.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import { FileError } from "../../../lib/errors.js";
import { createEncoder } from "../../../lib/sample/codec.js";
import type { PriorBatch } from "../../../lib/train/priorTrainer.js";
import type { Reporter } from "../../../lib/ui/progress.js";
import { tokenHeader, writeTokens } from "../../files/support.js";
import { expectRejection } from "../../support.js";
import { EMOJI } from "../support/realCodes.js";
import { writeTokenizer } from "../support/smallTokenizer.js";

const test = suite("commands/run/priorImages");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const tokenizer = await writeTokenizer(path.join(shared, "vq"));
const engine = await createOnnxEngine({ threads: 1 });
test.after(() => rm(shared, { recursive: true, force: true }));

const AUGMENT = { resize: "cover", crop: "random", cropScale: [1, 1.5], flip: true } as const;
const config = (more: Partial<TrainVimConfig> = {}) =>
  ({ batchSize: 40, seed: 5, strict: false, ...AUGMENT, ...more }) as TrainVimConfig;

async function withData(more: Partial<TrainVimConfig>, body: (data: PriorData, feed: PriorFeed) => Promise<void>) {
  const data = await openPriorImages(config(more), { data: EMOJI.train, tokenizer }, assert.unreachable);
  const feed = await data.feed(engine, {} as Reporter);
  try {
    await body(data, feed);
  } finally {
    await feed.close();
    await data.close();
  }
}

async function take(feed: PriorFeed, startStep: number, count: number): Promise<PriorBatch[]> {
  const batches = feed.batches(startStep);
  const taken: PriorBatch[] = [];
  while (taken.length < count) taken.push(await batches.next());
  assert.ok(batches.spent["encodeShare"]! > 0);
  await batches.close();
  return taken;
}

test("batches are the codes of augmented images, with their labels, and go on exactly from any step", () =>
  withData({}, async (data, feed) => {
    assert.equal([data.grid, data.vocabulary, data.classes], [[4, 4], 16, 5]);
    const taken = await take(feed, 0, 8);
    assert.equal(await take(feed, 5, 3), taken.slice(5));
    const source = await openSource(EMOJI.train);
    const images = trainingBatches({
      source,
      view: { size: 32, channels: 3 },
      augment: { ...AUGMENT, cropScale: [1, 1.5] },
      batchSize: 40,
      seed: 5,
      startStep: 7,
    });
    const want = await images.next();
    await images.close();
    const { model, weights } = await loadTokenizer(tokenizer);
    const encoder = await createEncoder({ engine, model, weights, batchSize: 1 });
    assert.equal(taken[7], { codes: await encoder.encode(want.images), labels: want.labels });
    await encoder.close();
    assert.not.equal(taken[7]!.codes, taken[0]!.codes);
  }));

test("--val takes images, encoded as they are and with the classes of the training images", () =>
  withData({ val: EMOJI.val }, async (_, { validation }) => {
    const source = await openSource(EMOJI.val);
    assert.is(validation?.count, source.count);
    const { codes, labels } = await validation!.read(Int32Array.of(source.count - 1, 0));
    assert.equal(labels, Int32Array.of(source.label(source.count - 1), source.label(0)));
    assert.is(codes.length, 32);
    assert.ok(codes.every((code) => code >= 0 && code < 16));
  }));

test("--hold-out keeps images from training and scores them", () =>
  withData({ holdOut: 0.1 }, async (data, { validation }) => {
    const { count } = await openSource(EMOJI.train);
    const held = Math.round(0.1 * count);
    assert.equal([data.counts, validation?.count], [{ images: count - held }, held]);
  }));

test("--val takes a token file, of the same tokenizer only", async () => {
  const { hash } = await loadTokenizer(tokenizer);
  const [own, others] = [path.join(shared, "OWN.SAFETENSORS"), path.join(shared, "others.safetensors")];
  const header = { vocabulary: 16, grid: [4, 4], source: "emoji", tokenizerHash: hash } as const;
  await writeTokens(own, header, (writer) => writer.append(new Int32Array(48)));
  await writeTokens(others, tokenHeader, (writer) => writer.append(new Int32Array(12)));
  await withData({ val: own }, async (_, { validation }) => assert.is(validation?.count, 3));
  const refused = openPriorImages(config({ val: others }), { data: EMOJI.train, tokenizer }, assert.unreachable);
  await expectRejection(refused, FileError, /others\.safetensors: these codes were made by the tokenizer 0123456789ab/);
});

test.run();
