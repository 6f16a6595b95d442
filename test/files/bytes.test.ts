import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bytesOf, readFully, writeFully } from "../../lib/files/bytes.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("bytes");

/** Moves at most three bytes a call, as a system under pressure may. */
function hesitant(handle: FileHandle): FileHandle {
  const few = (length: number) => Math.min(length, 3);
  return {
    write: (bytes: Uint8Array, at: number, length: number, position: number) =>
      handle.write(bytes, at, few(length), position),
    read: (bytes: Uint8Array, at: number, length: number, position: number) =>
      handle.read(bytes, at, few(length), position),
  } as unknown as FileHandle;
}

test("bytesOf shares memory and respects the view's window", () => {
  const values = Float32Array.of(1, 2, 3, 4);
  const bytes = bytesOf(values.subarray(1, 3));
  assert.is(bytes.length, 8);
  assert.is(bytes.buffer, values.buffer);
  assert.is(bytes.byteOffset, 4);
});

test("short writes and reads go on until all bytes are through, at their position", async () => {
  await inTemporaryFolder(async (folder) => {
    const handle = await open(path.join(folder, "bytes"), "w+");
    try {
      await writeFully(
        hesitant(handle),
        Uint8Array.from({ length: 10 }, (_, i) => i),
        5,
      );
      const back = new Uint8Array(8);
      assert.is(await readFully(hesitant(handle), back, 7), true);
      assert.equal([...back], [2, 3, 4, 5, 6, 7, 8, 9]);
      assert.is(await readFully(hesitant(handle), back, 8), false, "one byte beyond the end");
    } finally {
      await handle.close();
    }
  });
});

test.run();
