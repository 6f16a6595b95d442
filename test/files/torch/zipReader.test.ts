import { deflateRawSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { ByteFile } from "../../../lib/files/byteFile.js";
import { openZip, type ZipArchive } from "../../../lib/files/torch/zipReader.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { present } from "../support.js";
import { onlyFileErrors, writeBytes, type ZipPart, zipBytes } from "./torchSupport.js";

const test = suite("zip reader");

const hello = Buffer.from("hello, zip");
const long = Buffer.alloc(5000, "repeat ");
const parts: ZipPart[] = [
  { name: "a/hello", content: hello },
  { name: "a/ü", content: deflateRawSync(long), method: 8, size: long.length },
  { name: "a/empty", content: Buffer.alloc(0) },
];

async function withZip(bytes: Buffer, body: (zip: ZipArchive) => Promise<unknown>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const file = await ByteFile.open(await writeBytes(folder, "z.zip", bytes));
    try {
      await body(await openZip(file));
    } finally {
      await file.close();
    }
  });
}

const readEntry = (zip: ZipArchive, name: string) => zip.read(present(zip.entries.get(name)));

async function expectContents(zip: ZipArchive): Promise<void> {
  assert.equal([...zip.entries.keys()], ["a/hello", "a/ü", "a/empty"]);
  assert.equal(await readEntry(zip, "a/hello"), hello);
  assert.equal(await readEntry(zip, "a/ü"), long);
  assert.is((await readEntry(zip, "a/empty")).length, 0);
  for (const name of ["a/hello", "a/ü"]) {
    const some = Buffer.alloc(4);
    await zip.fill(present(zip.entries.get(name)), some, 3);
    assert.equal(some, (name === "a/ü" ? long : hello).subarray(3, 7), name);
  }
}

test("stored and deflated entries are read whole and in part", async () => {
  await withZip(zipBytes(parts), expectContents);
});

test("zip64 sizes and positions mean the same", async () => {
  await withZip(zipBytes(parts, { zip64: true }), expectContents);
});

test("a comment at the end, even one like a directory's end, is passed over", async () => {
  await withZip(zipBytes(parts, { comment: "made by PK\x05\x06" }), expectContents);
  await withZip(zipBytes([]), async (zip) => assert.is(zip.entries.size, 0));
});

test("reading beyond an entry is refused", async () => {
  await withZip(zipBytes(parts), async (zip) => {
    for (const name of ["a/hello", "a/ü"]) {
      const entry = present(zip.entries.get(name));
      await expectRejection(zip.fill(entry, Buffer.alloc(4), entry.size - 3), FileError, /z\.zip: entry "a\/.*" holds/);
    }
  });
});

const refusals: [what: string, part: Partial<ZipPart>, pattern: RegExp][] = [
  ["encrypted", { flags: 1 }, /encrypted/],
  ["packed by another method", { method: 12 }, /method 12; want stored \(0\) or deflated \(8\)/],
  ["stored with two sizes", { size: 11 }, /stored in 10 bytes but said to hold 11/],
  ["no deflate stream", { method: 8 }, /cannot be inflated/],
  [
    "inflating to less than said",
    { method: 8, content: deflateRawSync(hello), size: 11 },
    /inflates to 10 bytes, want 11/,
  ],
  ["inflating to more than said", { method: 8, content: deflateRawSync(hello), size: 9 }, /cannot be inflated/],
  ["said to inflate absurdly", { method: 8, content: deflateRawSync(hello), size: 1e6 }, /absurd/],
  ["without a header where it should be", { position: 4 }, /no header at 4/],
];

for (const [what, part, pattern] of refusals)
  test(`an entry that is ${what} is refused when it is read, and the others are not`, async () => {
    await withZip(zipBytes([{ name: "x", content: hello, ...part }, ...parts]), async (zip) => {
      await expectRejection(readEntry(zip, "x"), FileError, /z\.zip: entry "x"/, pattern);
      assert.equal(await readEntry(zip, "a/hello"), hello);
    });
  });

test("entries that leave the file are refused at once", async () => {
  for (const part of [{ packedSize: 1e6 }, { position: 1e6 }, { position: 2 ** 32 - 2 }])
    await expectRejection(
      withZip(zipBytes([{ name: "x", content: hello, ...part }]), async () => undefined),
      FileError,
      /entry "x" .* runs into the directory/,
    );
});

test("a file without a directory, or with a damaged one, is refused", async () => {
  const opening = (bytes: Buffer) => withZip(bytes, async () => undefined);
  await expectRejection(opening(Buffer.alloc(0)), FileError, /truncated, or no zip file/);
  await expectRejection(opening(Buffer.alloc(100)), FileError, /truncated, or no zip file/);
  const whole = zipBytes(parts);
  const end = whole.length - 22;
  const changed = (at: number, ...values: number[]) => {
    const bytes = Buffer.from(whole);
    for (const [i, value] of values.entries()) bytes[at + i] = value;
    return bytes;
  };
  await expectRejection(opening(changed(end + 10, 4)), FileError, /no directory entry at/);
  await expectRejection(opening(changed(end + 12, 0, 0, 0, 0x20)), FileError, /absurd/);
  await expectRejection(opening(changed(end + 16, 0, 0, 0, 0x20)), FileError, /truncated or damaged/);
  await expectRejection(opening(changed(end + 10, 0xff, 0xff)), FileError, /zip64 record that is not there/);
});

test("every truncation of a small archive is refused, and random damage is refused or read", async () => {
  for (const bytes of [zipBytes(parts), zipBytes(parts, { zip64: true })]) {
    for (let length = 0; length < bytes.length; length += 3)
      await expectRejection(
        withZip(bytes.subarray(0, length), async () => undefined),
        FileError,
      );
    for (let at = 0; at < bytes.length; at += 2) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ 0xff;
      await onlyFileErrors(`byte ${at}`, () =>
        withZip(damaged, async (zip) => {
          for (const entry of zip.entries.values()) await zip.read(entry);
        }),
      );
    }
  }
});

test.run();
