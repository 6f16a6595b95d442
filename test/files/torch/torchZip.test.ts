import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { PyObject } from "../../../lib/files/torch/pickleValues.js";
import { openTorchFile } from "../../../lib/files/torch/torchCheckpoint.js";
import type { TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { floatBytes, op, writeBytes, type ZipPart, zipBytes, zipCheckpoint } from "./torchSupport.js";

const test = suite("torch zip format");

const six = floatBytes(1, 2, 3, 4, 5, 6);
const storage: ZipPart = { name: "x/data/0", content: six };

async function withRoot(bytes: Buffer, body: (root: unknown) => Promise<unknown> = async () => undefined) {
  await inTemporaryFolder(async (folder) => {
    const file = await openTorchFile(await writeBytes(folder, "x.pt", bytes));
    try {
      await body(file.root);
    } finally {
      await file.close();
    }
  });
}

test("a hand-made checkpoint is read, at any depth of folders and without one", async () => {
  const pickle = op.pickle(op.tensor(op.storage(), { offset: 1, shape: [2, 2], strides: [1, 3] }));
  for (const folder of ["x/", "", "downloads/x/"])
    await withRoot(
      zipBytes([
        { name: `${folder}data.pkl`, content: pickle },
        { name: `${folder}byteorder`, content: Buffer.from("little") },
        { ...storage, name: `${folder}data/0` },
      ]),
      async (root) => assert.equal([...(await (root as TorchTensor).read()).data], [2, 5, 3, 6]),
    );
});

test("zip files that torch.save did not write are refused", async () => {
  await expectRejection(
    withRoot(zipBytes([storage])),
    FileError,
    /not one of torch\.save: want one data\.pkl, got 0; it holds x\/data\/0/,
  );
  const two = zipCheckpoint(op.integer(1), [{ name: "y/data.pkl", content: op.pickle(op.integer(2)) }]);
  await expectRejection(withRoot(two), FileError, /got 2/);
});

test("numbers of a big-endian machine are refused", async () => {
  const big = zipCheckpoint(op.tensor(op.storage()), [storage, { name: "x/byteorder", content: Buffer.from("big") }]);
  await expectRejection(withRoot(big), FileError, /big-endian/);
});

test("missing and short storages, and views that leave them, are refused when the file is opened", async () => {
  const refuse = (root: Buffer, pattern: RegExp, parts = [storage]) =>
    expectRejection(withRoot(zipCheckpoint(root, parts)), FileError, /x\.pt: x\/data\.pkl: damaged/, pattern);
  await refuse(op.tensor(op.storage()), /storage 0 of 24 bytes is missing/, []);
  await refuse(op.tensor(op.storage({ length: 7 })), /storage 0 of 28 bytes is only 24 long/);
  await refuse(op.tensor(op.storage({ length: 2 ** 52 })), /is only 24 long/);
  await refuse(op.tensor(op.storage({ length: -1 })), /without type, key or length/);
  await refuse(op.tensor(op.storage(), { offset: 1 }), /leaves its storage of 6/);
  await refuse(op.tensor(op.storage(), { shape: [7], strides: [1] }), /\[7\] with strides \[1\] from 0 leaves/);
  await refuse(Buffer.concat([op.integer(3), Buffer.from("Q")]), /persistent id that is no storage/);
});

test("a tensor on a storage of an unknown type stays an object", async () => {
  const root = op.list(op.tensor(op.storage({ type: "QInt8Storage" })), op.tensor(op.storage()));
  await withRoot(zipCheckpoint(root, [storage]), async (values) => {
    const [quantized, plain] = values as [PyObject, TorchTensor];
    assert.instance(quantized, PyObject);
    assert.is(String(quantized.callee), "torch._utils._rebuild_tensor_v2");
    assert.equal((await plain.read()).shape, [2, 3]);
  });
});

test.run();
