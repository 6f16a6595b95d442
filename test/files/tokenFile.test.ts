import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { type FileTensor, writeSafetensors } from "../../lib/files/safetensors.js";
import { expectTokenizer, openTokenFile } from "../../lib/files/tokenFile.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { tokenHeader as header, namesIn, row, rowsOf, writeTokens } from "./support.js";

const test = suite("tokenFile");

test("codes appended in pieces, labels and header come back", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes.safetensors");
    const codes = rowsOf(5);
    await writeTokens(file, header, async (writer) => {
      await writer.append(codes.subarray(0, 12), Int32Array.of(0, 1));
      await writer.append(new Int32Array(0));
      await writer.append(codes.subarray(12), Int32Array.of(1, -1, 0));
      assert.is(writer.count, 5);
      assert.not((await namesIn(folder)).includes("codes.safetensors"), "nothing shows before finish");
    });
    const { read, readRange, close, ...fields } = await openTokenFile(file);
    assert.equal(fields, { ...header, path: file, count: 5, tokensPerImage: 6, labels: Int32Array.of(0, 1, 1, -1, 0) });
    assert.equal(await readRange(0, 5), codes);
    await close();
    assert.equal(await namesIn(folder), ["codes.safetensors"]);
  });
});

test("rows are read at any positions, in the order asked for, repeats included", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const codes = rowsOf(9);
    await writeTokens(file, header, (writer) => writer.append(codes));
    const tokens = await openTokenFile(file);
    assert.equal(await tokens.read([8, 0, 3, 0]), Int32Array.from([8, 0, 3, 0].flatMap((i) => [...row(codes, i)])));
    assert.equal(await tokens.read(Uint32Array.of(4)), row(codes, 4));
    assert.equal(await tokens.read([]), new Int32Array(0));
    assert.equal(await tokens.readRange(7, 2), codes.subarray(42));
    const many = Array.from({ length: 1300 }, (_, i) => (i * 5) % 9);
    assert.equal(await tokens.read(many), Int32Array.from(many.flatMap((i) => [...row(codes, i)])));
    for (const wrong of [[9], [-1], [0.5]]) await expectRejection(tokens.read(wrong), RangeError, /rows within 0\.\.9/);
    await expectRejection(tokens.readRange(8, 2), RangeError, /rows within 0\.\.9/);
    await tokens.close();
  });
});

test("without labels the tensor is absent; some labels among unknown ones keep it", async () => {
  await inTemporaryFolder(async (folder) => {
    const labelsOf = async (...appended: (Int32Array | undefined)[]) => {
      const file = path.join(folder, "codes");
      await writeTokens(file, header, async (writer) => {
        for (const labels of appended) await writer.append(rowsOf(2), labels);
      });
      const tokens = await openTokenFile(file);
      await tokens.close();
      return tokens.labels;
    };
    assert.is(await labelsOf(undefined, undefined), undefined);
    assert.is(await labelsOf(Int32Array.of(-1, -1), undefined), undefined);
    assert.is(await labelsOf(), undefined);
    assert.equal(await labelsOf(undefined, Int32Array.of(-1, 0)), Int32Array.of(-1, -1, -1, 0));
  });
});

test("optional header fields have their defaults", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const { vocabulary, grid, tokenizerHash, source } = header;
    await writeTokens(file, { vocabulary, grid, tokenizerHash, source }, (writer) => writer.append(rowsOf(1)));
    const { classNames, viewsPerImage, extra, close } = await openTokenFile(file);
    assert.equal({ classNames, viewsPerImage, extra }, { classNames: undefined, viewsPerImage: 1, extra: {} });
    await close();
  });
});

test("a tokenizer with another hash is refused, naming both and what to do", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeTokens(path.join(folder, "codes"), header, (writer) => writer.append(rowsOf(1)));
    const tokens = await openTokenFile(path.join(folder, "codes"));
    await tokens.close();
    expectTokenizer(tokens, header.tokenizerHash);
    const refused = (async () => expectTokenizer(tokens, "fedcba9876543210"))();
    await expectRejection(refused, FileError, /codes: .*0123456789ab/, /fedcba987654/, /encode the images again/);
  });
});

test("files of another kind and damaged ones are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    const metadata = {
      format: "vitvq-tokens",
      vocabulary: "50",
      grid: "2,3",
      tokenizerHash: "ab",
      source: "x",
      viewsPerImage: "1",
    };
    const codes: FileTensor = { dtype: "U16", shape: [1, 6], data: new Uint16Array(6) };
    const refuse = async (changes: Record<string, string>, tensors: Record<string, FileTensor>, pattern: RegExp) => {
      await writeSafetensors(file, tensors, { ...metadata, ...changes });
      await expectRejection(openTokenFile(file), FileError, pattern);
    };
    await refuse({ format: "pt" }, { codes }, /not a token file; want one that `vitvq encode` wrote/);
    await refuse({ vocabulary: "many" }, { codes }, /vocabulary must be a whole number > 0, got many/);
    await refuse({ grid: "6" }, { codes }, /grid must be "rows,columns", got "6"/);
    await refuse({ grid: "2,0" }, { codes }, /grid must be a whole number > 0, got 0/);
    await refuse({ classNames: "cat" }, { codes }, /classNames must be a JSON array/);
    await refuse({ classNames: "[1]" }, { codes }, /classNames must be a JSON array/);
    await refuse({ vocabulary: "70000" }, { codes }, /want codes U32 \[N, 6\], got U16 \[1, 6\]/);
    await refuse({ grid: "2,2" }, { codes }, /want codes U16 \[N, 4\], got U16 \[1, 6\]/);
    await refuse({}, {}, /want codes U16 \[N, 6\], got none/);
    const labels: FileTensor = { dtype: "I32", shape: [2], data: new Int32Array(2) };
    await refuse({}, { codes, labels }, /want labels I32 \[1\], got I32 \[2\]/);
    const sourceless = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "source"));
    await writeSafetensors(file, { codes }, sourceless);
    await expectRejection(openTokenFile(file), FileError, /lack tokenizerHash or source/);
  });
});

test("a stored code outside the vocabulary is noticed when it is read", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeTokens(file, header, (writer) => writer.append(rowsOf(2)));
    const bytes = await readFile(file);
    bytes.writeUInt16LE(50, bytes.length - 2);
    await writeFile(file, bytes);
    const tokens = await openTokenFile(file);
    assert.equal(await tokens.read([0]), rowsOf(1));
    await expectRejection(tokens.read([1]), FileError, /code 50 is outside the vocabulary of 50/);
    await tokens.close();
  });
});

test("a truncated token file is refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes");
    await writeTokens(file, header, (writer) => writer.append(rowsOf(2), Int32Array.of(0, 1)));
    await writeFile(file, (await readFile(file)).subarray(0, -1));
    await expectRejection(openTokenFile(file), FileError, /truncated/);
  });
});

test.run();
