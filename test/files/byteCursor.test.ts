import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { ByteCursor } from "../../lib/files/byteCursor.js";
import { ByteFile } from "../../lib/files/byteFile.js";
import { expectThrow, inTemporaryFolder } from "../support.js";
import { writeBytes } from "./torch/torchSupport.js";

const test = suite("byte cursor");

const LENGTH = 400_000; // bytes, several chunks
const bytes = Buffer.from(Uint8Array.from({ length: LENGTH }, (_, i) => (i % 1000 === 999 ? 10 : 11 + (i % 97))));

async function onBoth(body: (cursor: ByteCursor) => void): Promise<void> {
  body(ByteCursor.overBytes("memory", bytes));
  await inTemporaryFolder(async (folder) => {
    const file = await ByteFile.open(await writeBytes(folder, "bytes", bytes));
    try {
      body(ByteCursor.overFile(file));
    } finally {
      await file.close();
    }
  });
}

test("bytes, pieces and lines follow one another, from memory and across the chunks of a file", async () => {
  await onBoth((cursor) => {
    const got: Buffer[] = [];
    for (let i = 0; cursor.position < LENGTH - 80_000; i++) {
      got.push(
        Buffer.from([cursor.byte()]),
        cursor.take(i % 50),
        cursor.take((i % 3) * 35_000),
        cursor.line(),
        Buffer.from("\n"),
      );
      assert.is(Buffer.concat(got).length, cursor.position);
    }
    assert.equal(Buffer.concat(got), bytes.subarray(0, cursor.position));
    cursor.take(LENGTH - cursor.position);
    assert.is(cursor.position, LENGTH);
  });
});

test("the end is an error for each of them, and says what was wanted", async () => {
  await onBoth((cursor) => {
    expectThrow(() => cursor.take(LENGTH + 1), FileError, /400001 bytes at 0/);
    cursor.take(LENGTH - 3);
    assert.throws(
      () => cursor.take(4),
      (error: Error) => /want 4 bytes at 399997, 3 are left/.test(error.message),
    );
    cursor.take(2);
    cursor.byte();
    expectThrow(() => cursor.byte(), FileError);
    expectThrow(() => cursor.line(), FileError);
    assert.is(cursor.take(0).length, 0);
  });
  const endless = ByteCursor.overBytes("memory", Buffer.alloc(1000));
  expectThrow(() => endless.line(), FileError);
});

test.run();
