import { copyFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { writeSafetensors } from "../../lib/files/safetensors.js";
import { openWeights } from "../../lib/files/weightsFile.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { torchFixture, writeBytes } from "./torch/torchSupport.js";

const test = suite("weights file");

test("the same weights read the same from both kinds of file, whatever the extension", async () => {
  await inTemporaryFolder(async (folder) => {
    const [safe, zip, legacy] = ["a.pth", "b.safetensors", "c.bin"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeSafetensors(safe, {
      w: { dtype: "F32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
      "n.count": { dtype: "I64", shape: [], data: BigInt64Array.of(5n) },
    });
    await copyFile(torchFixture("protocol3.pt"), zip);
    await copyFile(torchFixture("protocol4_legacy.pth"), legacy);
    for (const [file, format] of [
      [safe, "safetensors"],
      [zip, "torch"],
      [legacy, "torch"],
    ] as const) {
      const weights = await openWeights(file);
      assert.equal([weights.path, weights.format], [file, format]);
      assert.equal([...weights.tensors.keys()].sort(), ["n.count", "w"]);
      assert.equal([weights.tensors.get("w")?.dtype, weights.tensors.get("w")?.shape], ["F32", [2, 3]]);
      assert.is(weights.tensors.get("n.count")?.dtype, "I64");
      assert.equal(await weights.read("w"), {
        dtype: "float32",
        shape: [2, 3],
        data: Float32Array.of(0, 1, 2, 3, 4, 5),
      });
      assert.equal(await weights.read("n.count"), { dtype: "int32", shape: [], data: Int32Array.of(5) });
      await expectRejection(weights.read("absent"), FileError, /no tensor "absent"; the file holds/);
      await weights.close();
      const below = await openWeights(file, { prefix: "n" });
      assert.equal([...below.tensors.keys()], ["count"]);
      assert.equal((await below.read("count")).data, Int32Array.of(5));
      await below.close();
      await expectRejection(openWeights(file, { prefix: "absent" }), FileError, /no tensor below "absent"/);
    }
  });
});

test("integers beyond int32 are refused with file and place, from both kinds of file", async () => {
  await inTemporaryFolder(async (folder) => {
    const safe = path.join(folder, "large.safetensors");
    await writeSafetensors(safe, { n: { dtype: "I64", shape: [1], data: BigInt64Array.of(2n ** 31n) } });
    const torch = torchFixture("large_integer.pt");
    for (const file of [safe, torch]) {
      const weights = await openWeights(file);
      await expectRejection(weights.read("n"), FileError, /large.*2147483648 at 0 is beyond the range of int32/);
      await weights.close();
    }
  });
});

test("a safetensors file whose first byte is a pickle's is still one", async () => {
  await inTemporaryFolder(async (folder) => {
    const json = Buffer.from('{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.padEnd(0x80));
    const bytes = Buffer.concat([Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0]), json, Buffer.from([9])]);
    const weights = await openWeights(await writeBytes(folder, "w.pt", bytes));
    assert.equal(await weights.read("w"), { dtype: "int32", shape: [1], data: Int32Array.of(9) });
    await weights.close();
  });
});

test("files of other kinds show how they begin", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "model.pth");
    for (const [text, pattern] of [
      ["", /it is empty/],
      ["version https://git-lfs.github.com/spec/v1", /begins with "version https:\/\/git-lfs\.github/],
      ["<html>\n<body>Not found", /begins with "<html>\.<body>Not found"/],
    ] as const) {
      await writeFile(file, text);
      await expectRejection(
        openWeights(file),
        FileError,
        /model\.pth: neither a safetensors file nor one of torch\.save/,
        pattern,
      );
    }
    await expectRejection(openWeights(path.join(folder, "absent")), FileError, /no such file/);
  });
});

test.run();
