import { truncate } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { ByteFile } from "../../lib/files/byteFile.js";
import { expectRejection, expectThrow, inTemporaryFolder } from "../support.js";
import { writeBytes } from "./torch/torchSupport.js";

const test = suite("byte file");

test("bytes are read at any position, at once or later", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = await ByteFile.open(await writeBytes(folder, "f", Buffer.from("0123456789")));
    assert.is(file.size, 10);
    assert.is((await file.read(3, 4)).toString(), "3456");
    assert.is((await file.read(10, 0)).length, 0);
    const three = Buffer.alloc(3);
    file.fillNow(three, 7);
    assert.is(three.toString(), "789");
    await file.close();
  });
});

test("positions outside are refused before memory is taken", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = await ByteFile.open(await writeBytes(folder, "f", Buffer.from("0123456789")));
    for (const [position, length] of [
      [8, 3],
      [11, 0],
      [-1, 2],
      [0, 2 ** 52],
      [Number.NaN, 1],
    ] as const)
      await expectRejection(file.read(position, length), FileError, /f: truncated or damaged: want .* the file has 10/);
    expectThrow(() => file.fillNow(Buffer.alloc(3), 8), FileError);
    await file.close();
  });
});

test("a file that becomes shorter, a missing one and a folder are told apart", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = await ByteFile.open(await writeBytes(folder, "f", Buffer.from("0123456789")));
    await truncate(file.path, 5);
    await expectRejection(file.read(3, 4), FileError, /became shorter/);
    assert.throws(
      () => file.fillNow(Buffer.alloc(3), 4),
      (error: Error) => /became shorter/.test(error.message),
    );
    await file.close();
    await expectRejection(ByteFile.open(path.join(folder, "absent")), FileError, /absent: no such file/);
    await expectRejection(ByteFile.open(folder), FileError, /folder/);
  });
});

test.run();
