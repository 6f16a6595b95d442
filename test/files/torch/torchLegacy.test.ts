import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { openTorchFile } from "../../../lib/files/torch/torchCheckpoint.js";
import type { TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { legacyCheckpoint, legacyFloats, none, op, writeBytes } from "./torchSupport.js";

const test = suite("torch legacy format");

const six = legacyFloats(1, 2, 3, 4, 5, 6);
const whole = { view: [none] };

async function withRoot(bytes: Buffer, body: (root: unknown) => Promise<unknown> = async () => undefined) {
  await inTemporaryFolder(async (folder) => {
    const file = await openTorchFile(await writeBytes(folder, "x.pth", bytes));
    try {
      await body(file.root);
    } finally {
      await file.close();
    }
  });
}

async function read(value: unknown): Promise<number[]> {
  return [...(await (value as TorchTensor).read()).data];
}

test("storages are found in the order of the list, whatever the order of the tensors", async () => {
  const vector = { shape: [2], strides: [1] };
  const root = op.list(
    op.tensor(op.storage({ key: "b", length: 2, ...whole }), vector),
    op.tensor(op.storage({ key: "a", ...whole })),
    op.tensor(op.storage({ key: "b", length: 2, ...whole }), { offset: 1, shape: [1], strides: [1] }),
  );
  const bytes = legacyCheckpoint(root, [
    ["a", six],
    ["b", legacyFloats(-1, -2)],
  ]);
  await withRoot(bytes, async (values) => {
    const [b, a, tail] = values as unknown[];
    assert.equal(await read(b), [-1, -2]);
    assert.equal(await read(a), [1, 2, 3, 4, 5, 6]);
    assert.equal(await read(tail), [-2]);
  });
});

test("a view of a storage, which the oldest files have, starts at its own offset", async () => {
  const view = [op.tuple(op.text("view"), op.integer(2), op.integer(3))];
  const tensor = (offset: number) => op.tensor(op.storage({ view }), { offset, shape: [2], strides: [1] });
  await withRoot(legacyCheckpoint(tensor(1), [["0", six]]), async (root) => assert.equal(await read(root), [4, 5]));
  await expectRejection(withRoot(legacyCheckpoint(tensor(2), [["0", six]])), FileError, /leaves its storage of 3/);
  const outside = [op.tuple(op.text("view"), op.integer(4), op.integer(3))];
  const wrong = op.tensor(op.storage({ view: outside }), { shape: [2], strides: [1] });
  await expectRejection(
    withRoot(legacyCheckpoint(wrong, [["0", six]])),
    FileError,
    /a view that leaves storage 0 of 6/,
  );
});

test("the class of a module that was saved with its source is that class", async () => {
  const module = Buffer.concat([
    op.tuple(op.text("module"), op.global("nets", "Net"), op.text("nets.py"), op.text("class Net: ...")),
    Buffer.from("Q"),
  ]);
  await withRoot(legacyCheckpoint(module, []), async (root) => assert.is(String(root), "nets.Net"));
});

test("files whose parts do not fit together are refused when they are opened", async () => {
  const tensor = op.tensor(op.storage(whole));
  const refuse = (bytes: Buffer, ...patterns: RegExp[]) =>
    expectRejection(withRoot(bytes), FileError, /^\S*x\.pth: /, ...patterns);
  await refuse(legacyCheckpoint(tensor, []), /storage 0 is not in the file/);
  await refuse(legacyCheckpoint(tensor, [["0", legacyFloats(1, 2)]]), /storage 0 has 2 elements in the file, want 6/);
  await refuse(legacyCheckpoint(tensor, [["0", six.subarray(0, 31)]]), /truncated: storage 0/);
  await refuse(legacyCheckpoint(tensor, [["0", six.subarray(0, 7)]]), /truncated or damaged/);
  await refuse(
    legacyCheckpoint(tensor, [
      ["0", six],
      ["1", six],
    ]),
    /has "1", which nothing uses/,
  );
  await refuse(
    legacyCheckpoint(op.list(tensor, op.tensor(op.storage({ length: 5, ...whole }))), [["0", six]]),
    /storage 0 is/,
  );
  await refuse(
    legacyCheckpoint(op.storage({ type: "QInt8Storage", ...whole }), [["0", six]]),
    /torch\.QInt8Storage, whose size is not known/,
  );
});

test("another version and another machine are refused", async () => {
  const good = legacyCheckpoint(none, []);
  const changed = (from: Buffer, to: Buffer) => {
    const at = good.indexOf(from);
    assert.ok(at > 0);
    return Buffer.concat([good.subarray(0, at), to, good.subarray(at + from.length)]);
  };
  await withRoot(good);
  await expectRejection(
    withRoot(changed(op.integer(1001), op.integer(1002))),
    FileError,
    /want version 1001 of the format, got "1002"/,
  );
  const [yes, no] = [op.text("little_endian"), op.text("little_endian")].map((text, i) =>
    Buffer.concat([text, Buffer.from([0x88 + i])]),
  );
  await expectRejection(withRoot(changed(yes!, no!)), FileError, /not of a little-endian machine/);
  const scrambled = Buffer.from(good);
  scrambled[2] = 0x55; // the magic number as text: its bytes are there, the number is not
  await expectRejection(withRoot(scrambled), FileError, /the magic number is missing/);
});

test.run();
