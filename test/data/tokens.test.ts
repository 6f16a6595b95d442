import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trainingBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { type TokenBatch, type TokenBatches, type TokenRows, tokenBatches } from "../../lib/data/tokens.js";

const test = suite("token batches");

/** Row i is [10 i, 10 i + 1, 10 i + 2], its label i % 3. */
function rows(count: number, log: number[][] = []): TokenRows {
  const read = (indices: Int32Array): Int32Array => {
    log.push([...indices]);
    return Int32Array.from({ length: 3 * indices.length }, (_, k) => 10 * indices[Math.floor(k / 3)]! + (k % 3));
  };
  return { count, tokensPerImage: 3, labels: Int32Array.from({ length: count }, (_, i) => i % 3), read };
}

async function take(batches: TokenBatches, n: number): Promise<TokenBatch[]> {
  const taken: TokenBatch[] = [];
  while (taken.length < n) taken.push(await batches.next());
  await batches.close();
  return taken;
}

test("codes and labels belong to the same rows, and an epoch has each once", async () => {
  const taken = await take(tokenBatches({ parts: [{ tokens: rows(12) }], batchSize: 4, seed: 1 }), 3);
  const seen = new Set<number>();
  for (const { codes, labels } of taken)
    labels.forEach((label, b) => {
      const row = codes[3 * b]! / 10;
      assert.equal([...codes.subarray(3 * b, 3 * b + 3)], [10 * row, 10 * row + 1, 10 * row + 2]);
      assert.is(label, row % 3);
      seen.add(row);
    });
  assert.is(seen.size, 12);
});

test("a resumed run goes on with the batches it would have had", async () => {
  const options = { parts: [{ tokens: rows(10) }], batchSize: 4, seed: 5 };
  const whole = await take(tokenBatches(options), 12);
  assert.equal(await take(tokenBatches({ ...options, startStep: 7 }), 5), whole.slice(7));
  assert.equal(
    whole.map(({ epoch }) => epoch),
    [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4],
  );
});

test("reading runs ahead by the number of batches asked for, and no further", async () => {
  const log: number[][] = [];
  const batches = tokenBatches({ parts: [{ tokens: rows(100, log) }], batchSize: 5, seed: 5, prefetch: 2 });
  await batches.next();
  await batches.next();
  await batches.close();
  assert.is(log.length, 4);
});

test("rows without labels have label -1", async () => {
  const { labels, ...tokens } = rows(4);
  const [batch] = await take(tokenBatches({ parts: [{ tokens }], batchSize: 2, seed: 0 }), 1);
  assert.equal([...batch!.labels], [-1, -1]);
});

test("the order is that of image batches over as many images", async () => {
  const source: ImageSource = {
    path: "memory",
    kind: "folder",
    count: 9,
    ignored: { files: 0, pictures: 0, folders: [] },
    label: (i) => i,
    name: String,
    input: (i) => ({ pixels: Uint8Array.of(i), width: 1, height: 1, channels: 1 }),
  };
  const images = trainingBatches({ source, view: { size: 1, channels: 1 }, batchSize: 9, seed: 8 });
  const { indices } = await images.next();
  await images.close();
  const [batch] = await take(tokenBatches({ parts: [{ tokens: rows(9) }], batchSize: 9, seed: 8 }), 1);
  assert.equal(
    [...batch!.codes].filter((_, k) => k % 3 === 0).map((code) => code / 10),
    [...indices],
  );
});

test("batch sizes and steps out of range are refused", () => {
  assert.throws(() => tokenBatches({ parts: [{ tokens: rows(4) }], batchSize: 0, seed: 0 }), /batchSize/);
  assert.throws(
    () => tokenBatches({ parts: [{ tokens: rows(4) }], batchSize: 1, seed: 0, startStep: -1 }),
    /startStep/,
  );
});

test.run();
