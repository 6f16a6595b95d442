import { mkdir, open, readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { type FileTensor, openSafetensors, writeSafetensors } from "../../lib/files/safetensors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { namesIn, safetensorsBytes } from "./support.js";

const test = suite("safetensors");

/** One tensor of each type, with values at the edges of each. */
const everyType: Record<string, FileTensor> = {
  f64: { dtype: "F64", shape: [2], data: Float64Array.of(Math.PI, -0) },
  f32: { dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, Number.NaN, -Infinity, 1e-45) },
  f16: { dtype: "F16", shape: [3], data: Uint16Array.of(0x3c00, 0xfc00, 1) },
  bf16: { dtype: "BF16", shape: [1], data: Uint16Array.of(0x3f80) },
  i64: { dtype: "I64", shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  i32: { dtype: "I32", shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
  i16: { dtype: "I16", shape: [1], data: Int16Array.of(-32768) },
  i8: { dtype: "I8", shape: [3], data: Int8Array.of(-128, 0, 127) },
  u32: { dtype: "U32", shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
  u16: { dtype: "U16", shape: [1], data: Uint16Array.of(65535) },
  u8: { dtype: "U8", shape: [3, 1], data: Uint8Array.of(0, 128, 255) },
  bool: { dtype: "BOOL", shape: [], data: Uint8Array.of(1) },
  empty: { dtype: "F32", shape: [0, 3], data: new Float32Array(0) },
};

const numbered: FileTensor = { dtype: "F32", shape: [5, 2], data: Float32Array.from({ length: 10 }, (_, i) => i) };

test("every type comes back with the same shape and bits, and metadata with them", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "all.safetensors");
    await writeSafetensors(file, everyType, { note: "ü\n", empty: "" });
    const reader = await openSafetensors(file);
    assert.equal(reader.metadata, { note: "ü\n", empty: "" });
    assert.equal([...reader.tensors.keys()].sort(), Object.keys(everyType).sort());
    for (const [name, tensor] of Object.entries(everyType)) {
      const back = await reader.read(name);
      assert.equal(reader.tensors.get(name)?.dtype, tensor.dtype);
      assert.equal([back.dtype, back.shape], [tensor.dtype, tensor.shape], name);
      assert.is(back.data.constructor, tensor.data.constructor, name);
      assert.equal(Buffer.from(back.data.buffer), Buffer.from(tensor.data.buffer), `${name}: bits`);
    }
    await reader.close();
    assert.equal(await namesIn(folder), ["all.safetensors"]);
  });
});

test("the bytes on disk are those of the format, worked by hand", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    const small: Record<string, FileTensor> = {
      a: { dtype: "U8", shape: [1], data: Uint8Array.of(9) },
      b: { dtype: "I32", shape: [1], data: Int32Array.of(-2) },
    };
    await writeSafetensors(file, small);
    const bytes = await readFile(file);
    const length = Number(bytes.readBigUInt64LE());
    assert.is(length % 8, 0);
    assert.equal(JSON.parse(bytes.toString("utf8", 8, 8 + length)), {
      b: { dtype: "I32", shape: [1], data_offsets: [0, 4] },
      a: { dtype: "U8", shape: [1], data_offsets: [4, 5] },
    });
    assert.equal([...bytes.subarray(8 + length)], [0xfe, 0xff, 0xff, 0xff, 9]);
  });
});

test("equal tensors give equal bytes whatever the order of writing, and each tensor is aligned to its elements", async () => {
  await inTemporaryFolder(async (folder) => {
    const [one, two] = [path.join(folder, "1"), path.join(folder, "2")];
    await writeSafetensors(one, everyType, { a: "1", b: "2" });
    await writeSafetensors(two, Object.fromEntries(Object.entries(everyType).reverse()), { b: "2", a: "1" });
    const bytes = await readFile(one);
    assert.equal(bytes, await readFile(two));
    const { __metadata__, ...placed } = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE())));
    for (const [name, tensor] of Object.entries(everyType))
      assert.is(placed[name].data_offsets[0] % tensor.data.BYTES_PER_ELEMENT, 0, name);
  });
});

test("a view into a larger buffer writes its own window only", async () => {
  await inTemporaryFolder(async (folder) => {
    const whole = Float32Array.of(1, 2, 3, 4);
    await writeSafetensors(path.join(folder, "w"), { w: { dtype: "F32", shape: [2], data: whole.subarray(1, 3) } });
    const reader = await openSafetensors(path.join(folder, "w"));
    assert.equal([...(await reader.read("w")).data], [2, 3]);
    await reader.close();
  });
});

test("rows are read at any position without the rest", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeSafetensors(file, { first: { dtype: "I64", shape: [1], data: BigInt64Array.of(1n) }, numbered });
    const reader = await openSafetensors(file);
    assert.equal(await reader.readRows("numbered", 3, 2), {
      dtype: "F32",
      shape: [2, 2],
      data: Float32Array.of(6, 7, 8, 9),
    });
    assert.equal([...(await reader.readRows("numbered", 0, 1)).data], [0, 1]);
    assert.equal((await reader.readRows("numbered", 5, 0)).shape, [0, 2]);
    await reader.close();
  });
});

test("rows outside the tensor, and rows of a scalar, are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeSafetensors(file, { numbered, scalar: { dtype: "F32", shape: [], data: Float32Array.of(1) } });
    const reader = await openSafetensors(file);
    for (const [from, count] of [
      [4, 2],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [6, 0],
    ] as const)
      await expectRejection(
        reader.readRows("numbered", from, count),
        RangeError,
        /"numbered": want rows within 0\.\.5/,
      );
    await expectRejection(reader.readRows("scalar", 0, 1), RangeError, /scalar/);
    await reader.close();
  });
});

test("a missing tensor is named with some that are there", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeSafetensors(path.join(folder, "w"), { numbered });
    const reader = await openSafetensors(path.join(folder, "w"));
    await expectRejection(reader.read("absent"), FileError, /no tensor "absent"; the file holds numbered/);
    await expectRejection(reader.readRows("absent", 0, 1), FileError, /no tensor "absent"/);
    await reader.close();
  });
});

test("the writer refuses tensors that do not fit and leaves no file", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    const long = { w: { ...numbered, shape: [5, 3] } };
    const odd = { w: { dtype: "I32", shape: [10], data: numbered.data } as unknown as FileTensor };
    await expectRejection(writeSafetensors(file, long), RangeError, /w: shape \[5, 3\] does not hold 10 elements/);
    await expectRejection(writeSafetensors(file, odd), RangeError, /w: want a Int32Array for I32/);
    assert.equal(await namesIn(folder), []);
  });
});

test("missing files, folders and files of another kind are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const refuse = async (content: string | Uint8Array, ...patterns: RegExp[]) => {
      await writeFile(path.join(folder, "w"), content);
      await expectRejection(openSafetensors(path.join(folder, "w")), FileError, ...patterns);
    };
    await expectRejection(openSafetensors(path.join(folder, "absent")), FileError, /absent: no such file/);
    await mkdir(path.join(folder, "folder"));
    await expectRejection(openSafetensors(path.join(folder, "folder")), FileError, /folder: not a safetensors file/);
    await refuse("", /0 bytes are too few/);
    const long = Buffer.alloc(16);
    long.writeBigUInt64LE(100_000_001n);
    await refuse(long, /header of 100000001 bytes is absurd/);
    await refuse("PK\x03\x04 a zip file, say", /header of \d+ bytes is absurd/);
    await refuse(
      safetensorsBytes({}, 0).subarray(0, 9),
      /truncated, or not a safetensors file: want a header of 2 bytes/,
    );
    await refuse(safetensorsBytes("not json", 0), /not JSON/);
    await refuse(safetensorsBytes({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, 4), /truncated/);
  });
});

test("a file cut at any length is refused, or read only when nothing is missing", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeSafetensors(file, { numbered }, { a: "b" });
    const bytes = await readFile(file);
    for (let length = 0; length < bytes.length; length += 7) {
      await writeFile(file, bytes.subarray(0, length));
      await expectRejection(openSafetensors(file), FileError);
    }
    await writeFile(file, bytes);
    await (await openSafetensors(file)).close();
  });
});

test("a file that shrinks while it is open is noticed", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeSafetensors(file, { numbered });
    const reader = await openSafetensors(file);
    await truncate(file, 100);
    await expectRejection(reader.read("numbered"), FileError, /became shorter/);
    await reader.close();
  });
});

test("the data section starts at a multiple of 8 for headers of every length", async () => {
  await inTemporaryFolder(async (folder) => {
    for (let length = 1; length <= 9; length++) {
      const file = path.join(folder, "w");
      await writeSafetensors(file, { ["n".repeat(length)]: numbered });
      const handle = await open(file);
      const start = Buffer.alloc(8);
      await handle.read(start, 0, 8, 0);
      await handle.close();
      assert.is(Number(start.readBigUInt64LE()) % 8, 0);
      const reader = await openSafetensors(file);
      assert.equal((await reader.read("n".repeat(length))).data, numbered.data);
      await reader.close();
    }
  });
});

test.run();
