/** What the tests of PyTorch's files share: fixtures, values as the recipe describes them, hand-made zip files, damage. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { PyGlobal, PyObject } from "../../../lib/files/torch/pickleValues.js";
import { TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { fixture } from "../../support.js";

/** A file that `fixtures/golden/torch_files.py` made. */
export const torchFixture = (name: string): string => fixture("golden", "torch", name);

export async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, "utf8")) as T;
}

/** A value as `describe` in the recipe writes it. */
export type Described =
  | null
  | boolean
  | number
  | string
  | { float: string }
  | { integer: string }
  | { bytes: number[] }
  | { name: string }
  | { list: Described[] }
  | { set: Described[] }
  | { dict: [Described, Described][] }
  | DescribedTensor;

export type DescribedTensor = { tensor: string; shape: number[]; values: Described[] };

/** A number of the recipe's JSON. */
export function plainNumber(value: Described): number | bigint | boolean {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "object" && value && "integer" in value) return BigInt(value.integer);
  if (typeof value === "object" && value && "float" in value) return Number(value.float.replace("inf", "Infinity"));
  throw new TypeError(`no number: ${JSON.stringify(value)}`);
}

/** Expects an unpickled value to be what the recipe described; tensors are read and compared exactly. */
export async function expectDescribed(got: unknown, want: Described, what = "root"): Promise<void> {
  if (typeof want !== "object" || want === null || "float" in want || "integer" in want) {
    const value = typeof want === "object" && want ? plainNumber(want) : want;
    assert.ok(Object.is(got, value), `${what}: got ${String(got)}, want ${String(value)}`);
  } else if ("bytes" in want) {
    assert.instance(got, Uint8Array, what);
    assert.equal([...(got as Uint8Array)], want.bytes, what);
  } else if ("name" in want) {
    assert.is(String(got), want.name, what);
    assert.ok(got instanceof PyGlobal || typeof got === "string", what);
  } else if ("tensor" in want) await expectTensor(got, want, what);
  else if ("dict" in want) await expectEntries(got, want.dict, what);
  else {
    const items = "set" in want ? want.set : want.list;
    assert.instance(got, "set" in want ? Set : Array, what);
    const values = [...(got as Iterable<unknown>)];
    assert.is(values.length, items.length, `${what}: length`);
    for (const [i, item] of items.entries()) await expectDescribed(values[i], item, `${what}[${i}]`);
  }
}

async function expectEntries(got: unknown, want: [Described, Described][], what: string): Promise<void> {
  assert.instance(got, Map, what);
  const entries = [...(got as Map<unknown, unknown>)];
  assert.is(entries.length, want.length, `${what}: size`);
  for (const [i, [key, value]] of want.entries()) {
    await expectDescribed(entries[i]![0], key, `${what}: key ${i}`);
    await expectDescribed(entries[i]![1], value, `${what}.${String(entries[i]![0])}`);
  }
}

const FLOATING = new Set(["float64", "float32", "float16", "bfloat16"]);

async function expectTensor(got: unknown, want: DescribedTensor, what: string): Promise<void> {
  assert.instance(got, TorchTensor, what);
  assert.equal((got as TorchTensor).shape, want.shape, what);
  const { dtype, shape, data } = await (got as TorchTensor).read();
  assert.is(dtype, FLOATING.has(want.tensor) ? "float32" : "int32", `${what}: type`);
  assert.equal(shape, want.shape, what);
  const values = want.values.map((value) => Number(plainNumber(value)));
  const rounded = dtype === "float32" ? values.map(Math.fround) : values;
  assert.is(data.length, rounded.length, `${what}: length`);
  for (const [i, value] of rounded.entries())
    assert.ok(Object.is(data[i], value), `${what}: at ${i} got ${data[i]}, want ${value}`);
}

/** An entry of a zip file to be; sizes and positions that are given stand in the directory instead of the true ones. */
export type ZipPart = {
  name: string;
  content: Uint8Array;
  method?: number;
  flags?: number;
  size?: number;
  packedSize?: number;
  position?: number;
};

/** A zip file by hand; with `zip64`, every size and position lies in zip64 records. */
export function zipBytes(parts: readonly ZipPart[], { zip64 = false, comment = "" } = {}): Buffer {
  const chunks: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const part of parts) {
    const position = part.position ?? at;
    const local = Buffer.concat([
      numbers([0x04034b50, 4], [45, 2], [0, 20], [Buffer.byteLength(part.name), 2], [5, 2]),
      Buffer.from(part.name),
      Buffer.from("FB\x01\x00x", "latin1"), // an extra field that the directory does not have, as PyTorch writes for alignment
      part.content,
    ]);
    directory.push(directoryRecord(part, position, zip64));
    chunks.push(local);
    at += local.length;
  }
  const entries = Buffer.concat(directory);
  return Buffer.concat([
    ...chunks,
    entries,
    directoryEnd({ count: parts.length, size: entries.length, at, zip64, comment }),
  ]);
}

function directoryRecord(part: ZipPart, position: number, zip64: boolean): Buffer {
  const packedSize = part.packedSize ?? part.content.length;
  const size = part.size ?? part.content.length;
  const extra = zip64
    ? numbers([0x9999, 2], [1, 2], [7, 1], [1, 2], [24, 2], [size, 8], [packedSize, 8], [position, 8])
    : [];
  const narrow = (value: number): [number, number] => [zip64 ? 0xffffffff : value, 4];
  return Buffer.concat([
    numbers([0x02014b50, 4], [45, 2], [45, 2], [part.flags ?? 0, 2], [part.method ?? 0, 2], [0, 8], narrow(packedSize)),
    numbers(narrow(size), [Buffer.byteLength(part.name), 2], [extra.length, 2], [0, 10], narrow(position)),
    Buffer.from(part.name),
    Buffer.from(extra),
  ]);
}

type End = { count: number; size: number; at: number; zip64: boolean; comment: string };

function directoryEnd({ count, size, at, zip64, comment }: End): Buffer {
  const wide = [
    numbers([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 8], [count, 8], [count, 8], [size, 8], [at, 8]),
    numbers([0x07064b50, 4], [0, 4], [at + size, 8], [1, 4]),
  ];
  const narrow = zip64
    ? numbers([0x06054b50, 4], [0, 4], [0xffff, 2], [0xffff, 2], [0xffffffff, 4], [0xffffffff, 4])
    : numbers([0x06054b50, 4], [0, 4], [count, 2], [count, 2], [size, 4], [at, 4]);
  return Buffer.concat([...(zip64 ? wide : []), narrow, numbers([comment.length, 2]), Buffer.from(comment)]);
}

/** Little-endian numbers, each with its width in bytes. */
export function numbers(...fields: [value: number, bytes: number][]): Buffer {
  return Buffer.concat(
    fields.map(([value, bytes]) => {
      const field = Buffer.alloc(Math.max(8, bytes));
      field.writeBigUInt64LE(BigInt(value));
      return field.subarray(0, bytes);
    }),
  );
}

/** Writes bytes to `<folder>/<name>` and gives the path. */
export async function writeBytes(folder: string, name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

/** Runs `body` and expects it to succeed or to fail with a FileError, nothing else. */
export async function onlyFileErrors(what: string, body: () => Promise<unknown>): Promise<"fine" | "refused"> {
  try {
    await body();
    return "fine";
  } catch (error) {
    if (!(error instanceof FileError)) assert.unreachable(`${what}: want a FileError, got ${(error as Error).stack}`);
    return "refused";
  }
}

/** Reads every tensor in an unpickled tree, however deep, and each value once. */
export async function readAll(root: unknown): Promise<number> {
  const seen = new Set<unknown>();
  const waiting = [root];
  let tensors = 0;
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (seen.has(value)) continue;
    seen.add(value);
    if (value instanceof TorchTensor) {
      await value.read();
      tensors++;
    } else if (value instanceof PyObject) waiting.push(...value.args, value.state, value.items, value.elements);
    else if (Array.isArray(value) || value instanceof Set) waiting.push(...value);
    else if (value instanceof Map) waiting.push(...value.keys(), ...value.values());
  }
  return tensors;
}

/** A pickle by hand: each gives the opcodes of a value. */
export const op = {
  integer: (value: number): Buffer => Buffer.concat([latin1("\x8a\x08"), int64(value)]),
  text: (value: string): Buffer =>
    Buffer.concat([latin1("X"), numbers([Buffer.byteLength(value), 4]), Buffer.from(value)]),
  tuple: (...items: Buffer[]): Buffer => Buffer.concat([latin1("("), ...items, latin1("t")]),
  list: (...items: Buffer[]): Buffer => Buffer.concat([latin1("("), ...items, latin1("l")]),
  dict: (...items: Buffer[]): Buffer => Buffer.concat([latin1("}("), ...items, latin1("u")]),
  global: (module: string, name: string): Buffer => latin1(`c${module}\n${name}\n`),
  call: (callee: Buffer, ...args: Buffer[]): Buffer => Buffer.concat([callee, op.tuple(...args), latin1("R")]),
  storage: ({ type = "FloatStorage", key = "0", length = 6, view = [] as Buffer[] } = {}): Buffer =>
    Buffer.concat([
      op.tuple(op.text("storage"), op.global("torch", type), op.text(key), op.text("cpu"), op.integer(length), ...view),
      latin1("Q"),
    ]),
  tensor: (storage: Buffer, { offset = 0, shape = [2, 3], strides = [3, 1] } = {}): Buffer =>
    op.call(
      op.global("torch._utils", "_rebuild_tensor_v2"),
      storage,
      op.integer(offset),
      op.tuple(...shape.map(op.integer)),
      op.tuple(...strides.map(op.integer)),
    ),
  /** A whole pickle of protocol 2. */
  pickle: (value: Buffer): Buffer => Buffer.concat([latin1("\x80\x02"), value, latin1(".")]),
};

export const none: Buffer = latin1("N");

/** A zip checkpoint of a hand-made object. */
export function zipCheckpoint(root: Buffer, parts: readonly ZipPart[]): Buffer {
  return zipBytes([{ name: "x/data.pkl", content: op.pickle(root) }, ...parts]);
}

/** A legacy checkpoint of a hand-made object and its storages, each as it lies in the file. */
export function legacyCheckpoint(root: Buffer, storages: readonly (readonly [key: string, bytes: Buffer])[]): Buffer {
  const machine = op.dict(op.text("little_endian"), latin1("\x88"));
  const keys = op.list(...storages.map(([key]) => op.text(key)));
  const pickles = [latin1("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"), op.integer(1001), machine, root, keys];
  return Buffer.concat([...pickles.map(op.pickle), ...storages.map(([, bytes]) => bytes)]);
}

/** A storage as the legacy format has it: the count of elements, then float32. */
export function legacyFloats(...values: number[]): Buffer {
  return Buffer.concat([int64(values.length), floatBytes(...values)]);
}

export function floatBytes(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
