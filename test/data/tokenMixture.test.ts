import { open } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { heldOutRows, imagesToTrain, mixtureOrder, readPicks, type TokenPart } from "../../lib/data/tokenMixture.js";
import { tokenBatches } from "../../lib/data/tokens.js";
import { encodeHeader } from "../../lib/files/safetensorsHeader.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("data/tokenMixture");

/** Rows of two codes, the file's number and the row; label row % 3. */
function part(
  file: number,
  count: number,
  more: Partial<TokenPart["tokens"]> & Omit<TokenPart, "tokens"> = {},
): TokenPart {
  const { classes, held, ...tokens } = more;
  return {
    tokens: {
      count,
      tokensPerImage: 2,
      labels: Int32Array.from({ length: count }, (_, i) => i % 3),
      read: (rows) => Int32Array.from({ length: 2 * rows.length }, (_, k) => (k % 2 ? rows[k >> 1]! : file)),
      ...tokens,
    },
    classes,
    held,
  };
}

const draws = (parts: TokenPart[], count: number, options: { seed?: number; weights?: number[] } = {}) =>
  Array.from({ length: count }, (_, p) => mixtureOrder(parts, { seed: 3, ...options })(p));

const keyOf = ({ part, row }: { part: number; row: number }) => `${part}/${row}`;

test("without weights every image of every file comes once an epoch, files mixed", () => {
  const parts = [part(0, 20), part(1, 40)];
  const drawn = draws(parts, 120);
  for (const from of [0, 60]) assert.is(new Set(drawn.slice(from, from + 60).map(keyOf)).size, 60);
  assert.not.equal(drawn.slice(0, 60), drawn.slice(60), "each epoch has an order of its own");
  assert.ok(new Set(drawn.slice(0, 12).map((pick) => pick.part)).size === 2);
});

test("with weights the files get their shares, and each shows all its images before one again", () => {
  const drawn = draws([part(0, 10), part(1, 30)], 160, { weights: [3, 1] });
  const of = (file: number) => drawn.filter((pick) => pick.part === file).map(({ row }) => row);
  assert.equal([of(0).length, of(1).length], [120, 40]);
  for (let from = 0; from < 120; from += 10) assert.is(new Set(of(0).slice(from, from + 10)).size, 10);
  assert.is(new Set(of(1).slice(0, 30)).size, 30);
});

test("an epoch shows one view of each image, drawn anew every time and evenly", () => {
  const views = 4;
  const drawn = draws([part(0, 400, { viewsPerImage: views })], 1000);
  for (let from = 0; from < 1000; from += 100) {
    const images = drawn.slice(from, from + 100).map(({ row }) => Math.floor(row / views));
    assert.is(new Set(images).size, 100, "each of 100 images once an epoch");
  }
  const counts = Array.from({ length: views }, (_, view) => drawn.filter(({ row }) => row % views === view).length);
  assert.ok(
    counts.every((count) => count > 200 && count < 300),
    `views of 1000 draws: ${counts}`,
  );
  const ofOne = drawn.filter(({ row }) => Math.floor(row / views) === 17).map(({ row }) => row % views);
  assert.is(ofOne.length, 10);
  assert.ok(new Set(ofOne).size > 1, "the view changes from epoch to epoch");
});

test("held-out images are never drawn, no view of them, and all others are", () => {
  const held = Uint32Array.of(7, 2);
  const parts = [part(0, 30, { viewsPerImage: 3, held }), part(1, 5)];
  assert.equal(parts.map(imagesToTrain), [8, 5]);
  for (const options of [{}, { weights: [1, 1] }]) {
    const images = draws(parts, 300, options).flatMap((pick) => (pick.part === 0 ? [Math.floor(pick.row / 3)] : []));
    assert.equal(
      [...new Set(images)].sort((a, b) => a - b),
      [0, 1, 3, 4, 5, 6, 8, 9],
    );
  }
});

test("what is held out is scored first views first, all views in the end, files in proportion", () => {
  const parts = [
    part(0, 30, { viewsPerImage: 3, held: Uint32Array.of(7, 2) }),
    part(1, 60, { viewsPerImage: 3, held: Uint32Array.of(0, 19, 4, 5) }),
  ];
  const { count, at } = heldOutRows(parts);
  assert.is(count, 18);
  const rows = Array.from({ length: count }, (_, i) => at(i));
  assert.is(new Set(rows.map(keyOf)).size, 18);
  assert.ok(rows.slice(0, 6).every(({ row }) => row % 3 === 0));
  assert.is(rows.slice(0, 3).filter((pick) => pick.part === 0).length, 1);
  for (const { part: file, row } of rows) assert.ok(parts[file]!.held!.includes(Math.floor(row / 3)));
});

test("codes and classes come in the order asked for, labels by the map of their file", async () => {
  const parts = [part(0, 9), part(1, 9, { classes: Int32Array.of(5, 6) })];
  const picks = [
    { part: 1, row: 4 },
    { part: 0, row: 2 },
    { part: 1, row: 8 },
    { part: 1, row: 0 },
  ];
  assert.equal(await readPicks(parts, picks), {
    codes: Int32Array.of(1, 4, 0, 2, 1, 8, 1, 0),
    labels: Int32Array.of(6, 2, -1, 5),
  });
});

test("batches from a step on are those that an uninterrupted run would have", async () => {
  const parts = [part(0, 30, { viewsPerImage: 3, held: Uint32Array.of(4) }), part(1, 17)];
  for (const weights of [undefined, [2, 1]]) {
    const take = async (startStep: number, count: number) => {
      const batches = tokenBatches({ parts, weights, batchSize: 4, seed: 11, startStep });
      const taken = [];
      while (taken.length < count) taken.push(await batches.next());
      await batches.close();
      return taken;
    };
    assert.equal(await take(9, 6), (await take(0, 15)).slice(9));
  }
});

test("rows that are no whole images are refused", () => {
  assert.throws(() => mixtureOrder([part(0, 10, { viewsPerImage: 3 })], { seed: 0 }), /want 3 rows an image, got 10/);
});

test("a file of 4 GB is trained from in the memory of its order, not of its rows", () =>
  inTemporaryFolder(async (folder) => {
    const [count, T] = [2 ** 21, 1024];
    const file = path.join(folder, "large.safetensors");
    const metadata = { format: "vitvq-tokens", vocabulary: "8192", grid: "32,32", tokenizerHash: "0", source: "none" };
    const tensors = new Map([["codes", { dtype: "U16", shape: [count, T], begin: 0, end: 2 * count * T } as const]]);
    const header = encodeHeader({ metadata: { ...metadata, viewsPerImage: "1" }, tensors });
    const handle = await open(file, "w");
    await handle.write(header, 0);
    await handle.truncate(header.length + 2 * count * T); // a hole: zeros that take no disk
    await handle.close();
    const tokens = await openTokenFile(file);
    const bytes = () => process.memoryUsage().arrayBuffers;
    const before = bytes();
    const parts = [{ tokens }, { tokens }];
    const batches = tokenBatches({ parts, weights: [1, 1], batchSize: 64, seed: 0 });
    let most = 0;
    for (let step = 0; step < 60; step++) {
      const { codes } = await batches.next();
      assert.is(codes.length, 64 * T);
      most = Math.max(most, bytes() - before);
    }
    await batches.close();
    await tokens.close();
    assert.ok(most < 2 ** 26, `${most} bytes; the orders of two parts are 16 MiB, the file 4 GiB`);
  }));

test.run();
