import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trainingBatches } from "../../lib/data/batches.js";
import type { FileTable } from "../../lib/data/fileTable.js";
import { type LoaderOptions, openLoader } from "../../lib/data/loader.js";
import { openSource } from "../../lib/data/source.js";
import { thinned } from "../../lib/data/thinned.js";
import { DataError } from "../../lib/errors.js";
import { activeThreads, expectRejection, fixture, inTemporaryFolder } from "../support.js";
import { augment, plainSource, take, view } from "./support.js";

const test = suite("loader in a thread of its own");

test("batches are those made in this thread, from the start, resumed, and of a part of the images", async () => {
  const whole = await openSource(fixture("emoji-mini", "val"));
  for (const source of [whole, thinned(whole, [40, 3, 17, 5, 22])]) {
    const options = { source, view, augment, batchSize: 7, seed: 11 };
    const here = await take(trainingBatches(options), 9);
    assert.equal(await take(openLoader(options), 9), here);
    assert.equal(await take(openLoader({ ...options, startStep: 6, prefetch: 1 }), 3), here.slice(6));
  }
});

test("while this thread is blocked, the next batch is made to its end", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  const batches = openLoader({
    source,
    view: { size: 512, channels: 3 },
    batchSize: 16,
    seed: 1,
    prefetch: 1,
  });
  const waits: number[] = []; // seconds
  // How long the other thread takes is the machine's affair; what is left to do here is next to nothing, and making floats
  // of these pixels alone takes 20 ms.
  for (let blocked = 250; blocked <= 16_000 && !waits.some((wait) => wait < 0.01); blocked *= 2) {
    await batches.next();
    const before = batches.waited;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocked); // as an engine does that blocks
    await batches.next();
    waits.push(batches.waited - before);
  }
  assert.ok(
    waits.some((wait) => wait < 0.01),
    `waited ${waits} s`,
  );
  await batches.close();
});

test("damaged images are told by name and reason, once each, and give way to the same others", () =>
  inTemporaryFolder(async (root) => {
    await cp(fixture("emoji-mini", "val"), root, { recursive: true });
    const source = await openSource(root);
    const bad = [3, 17, 42].map((index) => source.name(index));
    for (const name of bad) await writeFile(path.join(root, name), "");
    const options = { source, view, augment, batchSize: 10, seed: 6 };
    const here = await take(trainingBatches(options), 12);
    const told: [string, string][] = [];
    const batches = openLoader({ ...options, onDamaged: (name, reason) => told.push([name, reason]) });
    assert.equal(await take(batches, 12), here);
    assert.equal(told.sort(), bad.map((name) => [name, "the file is empty"]).sort());
    assert.equal(batches.damaged.map(({ name }) => name).sort(), [...bad].sort());
  }));

test("errors keep their class: strict, and nothing that can be read", () =>
  inTemporaryFolder(async (root) => {
    for (const name of ["a.png", "b.jpg", "c.webp"]) await writeFile(path.join(root, name), "text");
    const source = await openSource(root);
    for (const [strict, wanted] of [
      [false, /^no image of .* can be read: all 3 .* for instance [abc]\.\w+: not an image/],
      [true, /^cannot read [abc]\.\w+ in .*: not an image .* without --strict it would be left out$/],
    ] as const) {
      const batches = openLoader({ source, view, batchSize: 2, seed: 0, strict });
      await expectRejection(batches.next(), DataError, wanted);
      await batches.close();
    }
  }));

test("options out of range are refused at once", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  const refused: [Partial<LoaderOptions>, RegExp][] = [
    [{ batchSize: 1.5 }, /batchSize/],
    [{ prefetch: 0 }, /ahead/],
    [{ view: { size: 0, channels: 3 } }, /size/],
    [{ augment: { ...augment, cropScale: [2, 1] } }, /cropScale/],
  ];
  for (const [odd, wanted] of refused)
    assert.throws(() => openLoader({ source, view, batchSize: 2, seed: 0, ...odd }), wanted);
});

test("a thread that is lost ends the walk instead of hanging it", async () => {
  const source = { ...plainSource(3), files: { root: "nowhere" } as FileTable };
  const batches = openLoader({ source, view, batchSize: 2, seed: 0 });
  for (const _ of [1, 2]) {
    await expectRejection(batches.next(), Error);
  }
  await batches.close();
  assert.equal(activeThreads(), []);
});

test("closing leaves no thread, whether batches were taken, one is waited for, or the thread only starts", async () => {
  const source = await openSource(fixture("emoji-mini", "val"));
  const options = { source, view, augment, batchSize: 8, seed: 1 };
  await take(openLoader(options), 2);
  await openLoader(options).close();
  const batches = openLoader(options);
  const asked = batches.next();
  await batches.close();
  assert.is((await asked).step, 0);
  await expectRejection(batches.next(), Error, /after close/);
  assert.equal(activeThreads(), []);
});

test("images in memory need no thread", async () => {
  const batches = openLoader({ source: plainSource(10), view: { size: 2, channels: 3 }, batchSize: 4, seed: 1 });
  await batches.next();
  assert.equal(activeThreads(), []);
  await batches.close();
});

test.run();
