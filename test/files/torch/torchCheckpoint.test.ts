import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, truncate } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { bytesOf } from "../../../lib/files/bytes.js";
import { PyObject } from "../../../lib/files/torch/pickleValues.js";
import { stateDict } from "../../../lib/files/torch/stateDict.js";
import { openTorchFile } from "../../../lib/files/torch/torchCheckpoint.js";
import type { TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { rngFrom, streamSeed } from "../../../lib/random.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import {
  type Described,
  expectDescribed,
  onlyFileErrors,
  readAll,
  readJson,
  torchFixture,
  writeBytes,
} from "./torchSupport.js";

const test = suite("torch checkpoint");

async function withRoot(file: string, body: (root: unknown) => Promise<unknown>): Promise<void> {
  const opened = await openTorchFile(file);
  try {
    await body(opened.root);
  } finally {
    await opened.close();
  }
}

for (const name of ["everything.pt", "everything_legacy.pth", "deflated.pt"])
  test(`every type, view, shared storage and plain value of ${name} comes back as PyTorch had it`, async () => {
    const want = await readJson<Described>(torchFixture("everything.json"));
    await withRoot(torchFixture(name), async (root) => {
      const complex = (root as Map<unknown, unknown>).get("complex");
      if (complex !== undefined) assert.instance(complex, PyObject, "a type that is not read stays an object");
      (root as Map<unknown, unknown>).delete("complex");
      await expectDescribed(root, want);
    });
  });

for (const name of ["protocol3.pt", "protocol4.pt", "protocol5.pt", "protocol4_legacy.pth"])
  test(`the pickle protocol of ${name} is read`, async () => {
    await withRoot(torchFixture(name), async (root) => {
      assert.instance(root, Map);
      const [w, count] = [...(root as Map<string, TorchTensor>).values()];
      assert.equal(await w?.read(), { dtype: "float32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
      assert.equal(await count?.read(), { dtype: "int32", shape: [], data: Int32Array.of(5) });
    });
  });

test("the reference's Lightning checkpoint holds the weights of its safetensors file, bit by bit", async () => {
  const want = await readJson<Record<string, { shape: number[]; sha256: string }>>(torchFixture("lightning.json"));
  const file = await openTorchFile(torchFixture("lightning.ckpt"));
  assert.is(file.format, "zip");
  const root = file.root as Map<string, unknown>;
  assert.equal(
    [root.get("epoch"), root.get("global_step"), root.get("pytorch-lightning_version")],
    [3, 1234, "1.5.10"],
  );
  const best = (root.get("callbacks") as Map<string, Map<string, TorchTensor>>)
    .get("ModelCheckpoint")
    ?.get("best_model_score");
  assert.equal((await best?.read())?.data, Float32Array.of(0.5));
  const weights = stateDict(file);
  assert.ok(Object.keys(want).length > 15);
  for (const [name, { shape, sha256 }] of Object.entries(want)) {
    const got = await weights.get(name)?.read();
    assert.equal(got?.shape, shape, name);
    assert.is(createHash("sha256").update(bytesOf(got!.data)).digest("hex"), sha256, name);
  }
  await file.close();
});

const PROOF = "/tmp/vitvq-was-here"; // what the commands in the hostile files would make

for (const name of ["hostile.pt", "hostile_legacy.pth"])
  test(`the commands in ${name} are not run, and its weights are read`, async () => {
    assert.not(existsSync(PROOF), `${PROOF} is there before the test; remove it`);
    const file = await openTorchFile(torchFixture(name));
    const weights = stateDict(file);
    assert.equal((await weights.get("w")?.read())?.data, Float32Array.of(1, 2));
    assert.equal((await weights.get("b")?.read())?.data, Float32Array.of(3));
    const root = file.root as Map<string, Map<string, PyObject>>;
    const { callee, args } = root.get("callbacks")!.get("a")!;
    assert.equal([String(callee), args], ["posix.system", [`touch ${PROOF}`]]);
    assert.match(String(root.get("callbacks")!.get("b")!.callee), /\.eval$/);
    assert.not(existsSync(PROOF));
    await file.close();
  });

test("tensors are read only when they are asked for", async () => {
  await inTemporaryFolder(async (folder) => {
    const bytes = await readFile(torchFixture("everything_legacy.pth"));
    const copy = await writeBytes(folder, "copy.pth", bytes);
    await withRoot(copy, async (root) => {
      await truncate(copy, bytes.length - 1);
      await expectRejection(readAll(root), FileError, /copy\.pth: became shorter while it was read/);
    });
  });
});

test("other files are refused by what they are", async () => {
  await inTemporaryFolder(async (folder) => {
    const opening = async (name: string, bytes: Uint8Array) => openTorchFile(await writeBytes(folder, name, bytes));
    await expectRejection(
      opening("empty.pth", Buffer.alloc(0)),
      FileError,
      /empty\.pth: not a file of torch\.save: it is empty/,
    );
    await expectRejection(
      opening("page.pth", Buffer.from("<!DOCTYPE html>")),
      FileError,
      /it begins with "<!DOCTYPE html>"/,
    );
    await expectRejection(
      opening("plain.pkl", Buffer.from("\x80\x02N.", "latin1")),
      FileError,
      /not a file of torch\.save/,
    );
    await expectRejection(openTorchFile(path.join(folder, "absent.pth")), FileError, /absent\.pth: no such file/);
    await expectRejection(openTorchFile(folder), FileError, /folder/);
  });
});

for (const name of ["everything.pt", "everything_legacy.pth"])
  test(`${name} cut short anywhere is refused when it is opened`, async () => {
    const bytes = await readFile(torchFixture(name));
    await inTemporaryFolder(async (folder) => {
      for (let length = 0; length < bytes.length; length += length < bytes.length - 300 ? 41 : 7) {
        const file = await writeBytes(folder, "cut", bytes.subarray(0, length));
        await expectRejection(openTorchFile(file), FileError, /cut: /);
      }
    });
  });

for (const name of ["everything.pt", "everything_legacy.pth", "deflated.pt", "hostile.pt"])
  test(`${name} with damaged bytes is refused or read, never worse`, async () => {
    const bytes = await readFile(torchFixture(name));
    const random = rngFrom(streamSeed(11, name));
    let refused = 0;
    await inTemporaryFolder(async (folder) => {
      for (let round = 0; round < 250; round++) {
        const damaged = Buffer.from(bytes);
        for (let hits = 0; hits <= round % 3; hits++) damaged[random.integer(bytes.length)] = random.integer(256);
        const file = await writeBytes(folder, "damaged", damaged);
        const outcome = await onlyFileErrors(`${name}, round ${round}`, () => withRoot(file, readAll));
        if (outcome === "refused") refused++;
      }
    });
    assert.ok(refused > 25, `only ${refused} of 250 were refused`);
    assert.not(existsSync(PROOF));
  });

test.run();
