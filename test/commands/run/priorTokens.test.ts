import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PriorData, PriorFeed } from "../../../commands/run/priorData.js";
import { openPriorTokens } from "../../../commands/run/priorTokens.js";
import type { TrainVimConfig } from "../../../commands/trainVim.js";
import type { Engine } from "../../../lib/engine/types.js";
import { DataError, FileError, UsageError } from "../../../lib/errors.js";
import type { TokenFileHeader } from "../../../lib/files/tokenFile.js";
import type { Reporter } from "../../../lib/ui/progress.js";
import { tokenHeader, writeTokens } from "../../files/support.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";

const test = suite("commands/run/priorTokens");

type Paths = [string, ...string[]];

/** `a` has 8 images (cat, dog) of two views, `b` 4 (dog, bird) of one; row r of file f holds the codes 10 f + r. */
async function withFiles(
  body: (paths: Record<"a" | "b" | "odd", string>) => Promise<void>,
  odd?: Partial<TokenFileHeader>,
) {
  await inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, `${name}.safetensors`);
    const rows = (file: number, count: number) =>
      Int32Array.from({ length: 6 * count }, (_, i) => 20 * file + Math.floor(i / 6));
    const named = (...classNames: string[]) => ({ ...tokenHeader, classNames, viewsPerImage: 1 });
    await writeTokens(at("a"), { ...named("cat", "dog"), viewsPerImage: 2 }, (writer) =>
      writer.append(
        rows(0, 16),
        Int32Array.from({ length: 16 }, (_, row) => (row >> 1) % 2),
      ),
    );
    await writeTokens(at("b"), named("dog", "bird"), (writer) => writer.append(rows(1, 4), Int32Array.of(0, 1, 0, 1)));
    await writeTokens(at("odd"), { ...named("dog"), ...odd }, (writer) => writer.append(new Int32Array(6 * 3)));
    await body({ a: at("a"), b: at("b"), odd: at("odd") });
  });
}

const config = (more: Partial<TrainVimConfig> = {}) => ({ batchSize: 4, seed: 1, ...more }) as TrainVimConfig;

async function withData(
  paths: Paths,
  more: Partial<TrainVimConfig>,
  body: (data: PriorData, feed: PriorFeed) => Promise<void>,
) {
  const data = await openPriorTokens(config(more), paths);
  try {
    await body(data, await data.feed({} as Engine, {} as Reporter));
  } finally {
    await data.close();
  }
}

/** First code and class of each row of the first batches. */
async function drawn(feed: PriorFeed, count: number): Promise<(readonly [code: number, label: number])[]> {
  const batches = feed.batches(0);
  const rows = [];
  for (let i = 0; i < count; i++) {
    const { codes, labels } = await batches.next();
    for (const [b, label] of labels.entries()) rows.push([codes[6 * b]!, label] as const);
  }
  await batches.close();
  return rows;
}

test("two files become one: classes by name, every image once an epoch, facts of both in the config", () =>
  withFiles(({ a, b }) =>
    withData([a, b], {}, async (data, feed) => {
      assert.equal([data.classes, data.counts], [3, { rows: 20 }]);
      const { classNames, files } = data.stored.data as { classNames: string[]; files: { path: string }[] };
      assert.equal(
        [classNames, files.map((file) => file.path)],
        [
          ["cat", "dog", "bird"],
          [a, b],
        ],
      );
      const rows = await drawn(feed, 3);
      for (const [code, label] of rows) assert.is(label, code < 20 ? (code >> 1) % 2 : [1, 2][code % 2], `${code}`);
      assert.is(new Set(rows.map(([code]) => (code < 20 ? code >> 1 : code))).size, 12, "8 and 4 images");
      assert.is(feed.validation, undefined);
    }),
  ));

test("one file is told as it always was", () =>
  withFiles(({ b }) =>
    withData([b], {}, async (data) => {
      const { path: where, rows, classNames } = data.stored.data;
      assert.equal([where, rows, classNames, data.dimensions], [b, 4, ["dog", "bird"], 256 * 256 * 3]);
      assert.is(data.stored.tokenizer["hash"], tokenHeader.tokenizerHash);
    }),
  ));

test("held-out images are scored, all their views, and never drawn", () =>
  withFiles(({ a, b }) =>
    withData([a, b], { holdOut: 0.25, weights: [1, 2] }, async (_, feed) => {
      const { validation } = feed;
      assert.is(validation?.count, 2 * (2 + 1));
      const { codes, labels } = await validation!.read(Int32Array.of(0, 1, 2, 3, 4, 5));
      const image = (code: number) => (code < 20 ? code >> 1 : code);
      const held = new Set([...labels.keys()].map((i) => image(codes[6 * i]!)));
      assert.is(held.size, 3);
      for (const [code] of await drawn(feed, 30)) assert.not.ok(held.has(image(code)), `${code}`);
    }),
  ));

test("--val is read by the names of its classes", () =>
  withFiles(({ a, b }) =>
    withData([a, b], { val: b }, async (_, { validation }) => {
      assert.equal((await validation!.read(Int32Array.of(3, 0))).labels, Int32Array.of(2, 1));
    }),
  ));

test("with --unconditional classes are not merged, so names may be missing", () =>
  withFiles(async ({ a, odd }) => {
    await withData([a, odd], { unconditional: true }, async (data) => assert.is(data.classes, 0));
  }, nameless()));

test("files that do not belong together are refused, each with its name", async () => {
  const refusals = [
    [
      { tokenizerHash: "ffff" },
      FileError,
      /odd\.safetensors: its codes are of another tokenizer than those of .*a\.safe/,
    ],
    [{ grid: [3, 2] }, FileError, /odd\.safetensors: want 2 x 3 codes of 50 as in .*, got 3 x 2 codes of 50/],
    [{ vocabulary: 51 }, FileError, /odd\.safetensors: want 2 x 3 codes of 50 .*, got 2 x 3 codes of 51/],
    [{ viewsPerImage: 2 }, FileError, /odd\.safetensors: want 2 rows for each image, got 3 rows/],
    [nameless(), DataError, /odd\.safetensors: want names of its classes, as .*a\.safetensors has them/],
  ] as const;
  for (const [header, Wanted, pattern] of refusals)
    await withFiles(
      async ({ a, odd }) => {
        await expectRejection(openPriorTokens(config(), [a, odd]), Wanted, pattern);
      },
      header as Partial<TokenFileHeader>,
    );
});

test("weights must be as many as files, and something must be left to train on", () =>
  withFiles(async ({ a, b }) => {
    await expectRejection(
      openPriorTokens(config({ weights: [1] }), [a, b]),
      UsageError,
      /--weights: want .* 2 .*, got 1/,
    );
    const all = openPriorTokens(config({ holdOut: 0.99 }), [a, b]);
    await expectRejection(all, UsageError, /--hold-out: .*a\.safetensors has 8 images, and none would be left/);
  }));

/** A header without class names. */
function nameless(): Partial<TokenFileHeader> {
  return { classNames: undefined } as unknown as Partial<TokenFileHeader>;
}

test.run();
