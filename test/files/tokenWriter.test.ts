import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSafetensors } from "../../lib/files/safetensors.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import { countObjects, expectRejection, inTemporaryFolder, unlessCounted } from "../support.js";
import { tokenHeader as header, namesIn, row, rowsOf, writeTokens } from "./support.js";

const test = suite("tokenWriter");

test("any reader of the format sees codes and labels, aligned, with strings as metadata", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeTokens(file, header, (writer) => writer.append(rowsOf(3), Int32Array.of(1, 0, 1)));
    const reader = await openSafetensors(file);
    assert.equal(await reader.read("codes"), { dtype: "U16", shape: [3, 6], data: Uint16Array.from(rowsOf(3)) });
    assert.equal(await reader.read("labels"), { dtype: "I32", shape: [3], data: Int32Array.of(1, 0, 1) });
    assert.equal(reader.metadata, {
      format: "vitvq-tokens",
      vocabulary: "50",
      grid: "2,3",
      tokenizerHash: header.tokenizerHash,
      source: header.source,
      viewsPerImage: "2",
      classNames: '["cat","dög"]',
      imageSize: "256",
      channels: "3",
    });
    await reader.close();
    const bytes = await readFile(file);
    assert.is(Number(bytes.readBigUInt64LE()) % 8, 0);
  });
});

test("an odd number of 2-byte codes is padded so that labels stay aligned", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const codes = rowsOf(3, 3);
    await writeTokens(file, { ...header, grid: [3, 1] }, (writer) => writer.append(codes, Int32Array.of(1, 0, 1)));
    const bytes = await readFile(file);
    const placed = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE())));
    assert.is(placed.labels.data_offsets[0] % 4, 0);
    assert.equal(placed.padding, { dtype: "U16", shape: [1], data_offsets: [18, 20] });
    const tokens = await openTokenFile(file);
    assert.equal(await tokens.readRange(0, 3), codes);
    assert.equal(tokens.labels, Int32Array.of(1, 0, 1));
    await tokens.close();
  });
});

test("the room kept at the front holds the header of a trillion rows, padding included", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeTokens(file, { ...header, grid: [3, 1] }, (writer) => writer.append(rowsOf(1, 3), Int32Array.of(1)));
    const bytes = await readFile(file);
    const room = Number(bytes.readBigUInt64LE());
    const longest = JSON.parse(bytes.toString("utf8", 8, 8 + room));
    const rows = 10 ** 12 + 1;
    longest.codes = { dtype: "U16", shape: [rows, 3], data_offsets: [0, rows * 6] };
    longest.padding.data_offsets = [rows * 6, rows * 6 + 2];
    longest.labels = { dtype: "I32", shape: [rows], data_offsets: [rows * 6 + 2, rows * 10 + 2] };
    assert.ok(Buffer.byteLength(JSON.stringify(longest)) <= room);
  });
});

test("vocabularies up to 65,536 take two bytes a code, larger ones four, both up to the last code", async () => {
  await inTemporaryFolder(async (folder) => {
    for (const [vocabulary, dtype] of [
      [65536, "U16"],
      [65537, "U32"],
      [2 ** 31, "U32"],
    ] as const) {
      const file = path.join(folder, `${vocabulary}`);
      const codes = Int32Array.of(0, vocabulary - 1, 1, 2, 3, vocabulary - 2);
      await writeTokens(file, { ...header, vocabulary }, async (writer) => {
        await writer.append(codes, Int32Array.of(1));
        await writer.append(rowsOf(1, 6, vocabulary), Int32Array.of(0));
      });
      const reader = await openSafetensors(file);
      assert.is(reader.tensors.get("codes")?.dtype, dtype);
      await reader.close();
      const tokens = await openTokenFile(file);
      assert.equal(await tokens.read([1, 0]), Int32Array.of(...rowsOf(1, 6, vocabulary), ...codes));
      assert.equal(tokens.labels, Int32Array.of(1, 0));
      await tokens.close();
    }
  });
});

test("labels handed over may be reused by the caller", async () => {
  await inTemporaryFolder(async (folder) => {
    const labels = Int32Array.of(1, 1);
    await writeTokens(path.join(folder, "codes"), header, async (writer) => {
      await writer.append(rowsOf(2), labels);
      labels.fill(0);
      await writer.append(rowsOf(2), labels);
    });
    const tokens = await openTokenFile(path.join(folder, "codes"));
    assert.equal(tokens.labels, Int32Array.of(1, 1, 0, 0));
    await tokens.close();
  });
});

test("two writes give the same bytes, however the rows are cut into pieces", async () => {
  await inTemporaryFolder(async (folder) => {
    const codes = rowsOf(6);
    const labels = Int32Array.of(0, 1, 0, 1, 0, 1);
    await writeTokens(path.join(folder, "1"), header, (writer) => writer.append(codes, labels));
    await writeTokens(path.join(folder, "2"), header, async (writer) => {
      for (let i = 0; i < 6; i++) await writer.append(row(codes, i), labels.subarray(i, i + 1));
    });
    assert.equal(await readFile(path.join(folder, "1")), await readFile(path.join(folder, "2")));
  });
});

test("rows stream through without staying in memory; labels stay, four bytes each", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const held = async () => {
    collectGarbage();
    await sleep(20); // ms; buffers are given back by a thread of its own
    return process.memoryUsage().arrayBuffers;
  };
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const batch = rowsOf(1024, 256, 8192); // 512 KB as U16
    const labels = new Int32Array(1024);
    await writeTokens(file, { ...header, vocabulary: 8192, grid: [16, 16] }, async (writer) => {
      const before = await held();
      for (let i = 0; i < 16; i++) await writer.append(batch, labels);
      let kept = (await held()) - before;
      for (let patience = 50; kept > 256 * 1024 && patience > 0; patience--) kept = (await held()) - before;
      assert.ok(kept < 256 * 1024, `8 MB of codes and 64 KB of labels passed, ${kept} bytes stayed`);
    });
    const tokens = await openTokenFile(file);
    assert.is(tokens.count, 16 * 1024);
    assert.equal(await tokens.read([15 * 1024 + 5]), row(batch, 5, 256));
    await tokens.close();
  });
});

const counting = countObjects ? test : test.skip;

counting(`labels of rows that come one at a time are no array each${unlessCounted}`, async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const rows = 3000;
    await writeTokens(file, header, async (writer) => {
      const write = async (from: number, to: number) => {
        for (let i = from; i < to; i++) await writer.append(rowsOf(1), Int32Array.of(i % 2));
      };
      await write(0, 100);
      const before = countObjects!();
      await write(100, rows);
      const kept = countObjects!() - before;
      assert.ok(kept < rows / 10, `${kept} objects stayed of ${rows} rows`);
    });
    const tokens = await openTokenFile(file);
    const want = Int32Array.from({ length: rows }, (_, i) => i % 2);
    assert.equal(tokens.labels, want);
    await tokens.close();
  });
});

test("codes, labels and sizes out of range are refused and nothing of them is written", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeTokens(file, header, async (writer) => {
      const refuse = (codes: number[], labels: number[] | undefined, pattern: RegExp) =>
        expectRejection(writer.append(Int32Array.from(codes), labels && Int32Array.from(labels)), RangeError, pattern);
      await refuse([0, 0, 0, 0, 0, 0, 1, 2, 50, 0, 0, 0], undefined, /code 50 in row 1 at 2 is outside 0\.\.49/);
      await refuse([0, 0, 0, 0, 0, -1], undefined, /code -1 in row 0 at 5/);
      await refuse([1, 2, 3, 4, 5], undefined, /want rows of 6 codes, got 5/);
      await refuse([1, 2, 3, 4, 5, 6], [0, 1], /want 1 labels, got 2/);
      await refuse([1, 2, 3, 4, 5, 6], [2], /label 2 is outside -1\.\.1/);
      await refuse([1, 2, 3, 4, 5, 6], [-2], /label -2 is outside/);
      await writer.append(rowsOf(1), Int32Array.of(1));
    });
    const tokens = await openTokenFile(file);
    assert.is(tokens.count, 1);
    assert.equal(await tokens.readRange(0, 1), rowsOf(1));
    await tokens.close();
  });
});

test("headers that make no sense are refused before a file exists", async () => {
  await inTemporaryFolder(async (folder) => {
    const refuse = (changes: object, pattern: RegExp) =>
      expectRejection(createTokenFile(path.join(folder, "codes"), { ...header, ...changes }), RangeError, pattern);
    await refuse({ vocabulary: 0 }, /vocabulary .* within 1\.\.2147483648, got 0/);
    await refuse({ vocabulary: 2 ** 31 + 1 }, /vocabulary/);
    await refuse({ grid: [2, 0] }, /grid/);
    await refuse({ grid: [4097, 1] }, /grid .* within 1\.\.4096/);
    await refuse({ viewsPerImage: 1.5 }, /viewsPerImage/);
    await refuse({ extra: { source: "x" } }, /extra string "source" has the name of a header field/);
    await refuse({ extra: { classNames: "x" } }, /extra string "classNames"/);
    assert.equal(await namesIn(folder), []);
  });
});

test("abort removes everything, and an older file stays", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeFile(file, "old");
    const writer = await createTokenFile(file, header);
    await writer.append(rowsOf(2));
    await writer.abort();
    await writer.abort();
    assert.is(await readFile(file, "utf8"), "old");
    assert.equal(await namesIn(folder), ["codes"]);
    await expectRejection(writer.append(rowsOf(1)), Error);
  });
});

test.run();
