/**
 * The format of torch.save before PyTorch 1.6: five pickles (magic number, protocol, machine, object, keys of the
 * storages), then each storage as its length, int64, and its elements. Source: pytorch/torch/serialization.py,
 * `_legacy_save` and `_legacy_load`.
 */
import { FileError } from "../../errors.js";
import { ByteCursor } from "../byteCursor.js";
import type { ByteFile } from "../byteFile.js";
import { TENSOR_ARRAYS } from "../safetensorsHeader.js";
import { unpickle } from "./pickle.js";
import { PickleFault, PyObject } from "./pickleValues.js";
import { TORCH_GLOBALS } from "./torchGlobals.js";
import { isCount, type StorageId, storageId } from "./torchStorageId.js";
import { TorchStorage } from "./torchTensor.js";

/** The magic number as it lies in the file's first pickle, least byte first. */
export const LEGACY_MAGIC = Buffer.from("6cfc9c46f9206aa85019", "hex");

/**
 * The object in a legacy checkpoint, its tensors still in the file.
 * @throws FileError when it is damaged or of another version
 */
export async function readTorchLegacy(file: ByteFile): Promise<unknown> {
  const cursor = ByteCursor.overFile(file);
  expectPreamble(cursor);
  const storages: Storages = new Map();
  const persistent = (id: unknown) => resolve(file, storages, id);
  const root = unpickle(cursor, { allowed: TORCH_GLOBALS, persistent });
  await placeStorages(file, { storages, keys: plainPickle(cursor), start: cursor.position });
  return root;
}

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const COUNT_BYTES = 8;

/** Storages by key, with where their elements begin once that is known. */
type Storages = Map<string, { readonly id: StorageId; begin: number }>;

function expectPreamble(cursor: ByteCursor): void {
  const magic = plainPickle(cursor);
  if (magic !== MAGIC_NUMBER)
    throw new FileError(`${cursor.place}: a pickle, but not one of torch.save: the magic number is missing`);
  const protocol = plainPickle(cursor);
  if (protocol !== PROTOCOL)
    throw new FileError(`${cursor.place}: damaged: want version ${PROTOCOL} of the format, got ${shown(protocol)}`);
  const machine = plainPickle(cursor);
  if (!(machine instanceof Map) || machine.get("little_endian") !== true)
    throw new FileError(`${cursor.place}: not of a little-endian machine; save it again on one`);
}

function plainPickle(cursor: ByteCursor): unknown {
  const persistent = () => {
    throw new PickleFault("a storage outside the object");
  };
  return unpickle(cursor, { allowed: new Map(), persistent });
}

/** The value of a persistent id: a storage, part of one, or the class of a module that was saved with its source. */
function resolve(file: ByteFile, storages: Storages, id: unknown): unknown {
  if (Array.isArray(id) && id[0] === "module") return id[1];
  const root = storageId(id);
  const known = storages.get(root.key) ?? { id: root, begin: Number.NaN };
  if (String(known.id.type) !== String(root.type) || known.id.length !== root.length)
    throw new PickleFault(
      `storage ${root.key} is ${known.id.type} [${known.id.length}] and ${root.type} [${root.length}]`,
    );
  storages.set(root.key, known);
  if (root.dtype === undefined) return new PyObject(root.type, [root.key, root.length]);
  const { offset, length } = viewOf(root);
  const skipped = offset * TENSOR_ARRAYS[root.dtype].BYTES_PER_ELEMENT;
  return new TorchStorage(`${file.path}: storage ${root.key}`, root.dtype, length, (bytes, begin) =>
    file.fill(bytes, known.begin + skipped + begin),
  );
}

/** A view is `(its own key, offset, length)` in elements. */
function viewOf({ key, length, view }: StorageId): { offset: number; length: number } {
  if (view === null) return { offset: 0, length };
  const [, offset, part] = Array.isArray(view) ? (view as unknown[]) : [];
  if (!isCount(offset) || !isCount(part) || offset + part > length)
    throw new PickleFault(`a view that leaves storage ${key} of ${length}`);
  return { offset, length: part };
}

type StorageList = { storages: Storages; keys: unknown; start: number };

/** Walks over the storages, which lie one behind the other in the order of `keys`. */
async function placeStorages(file: ByteFile, { storages, keys, start }: StorageList): Promise<void> {
  if (!Array.isArray(keys)) throw new FileError(`${file.path}: damaged: the list of storages is missing`);
  let at = start;
  const missing = new Set(storages.keys());
  for (const key of keys as unknown[]) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage)
      throw new FileError(`${file.path}: damaged: the list of storages has ${shown(key)}, which nothing uses`);
    const count = (await file.read(at, COUNT_BYTES)).readBigInt64LE();
    storage.begin = at + COUNT_BYTES;
    at = storage.begin + storageBytes(file, storage.id, count);
    if (at > file.size)
      throw new FileError(
        `${file.path}: truncated: storage ${storage.id.key} wants bytes up to ${at}, the file has ${file.size}; copy it again`,
      );
    missing.delete(storage.id.key);
  }
  if (missing.size > 0) throw new FileError(`${file.path}: damaged: storage ${[...missing][0]} is not in the file`);
}

function storageBytes({ path }: ByteFile, { key, type, dtype, length }: StorageId, count: bigint): number {
  if (dtype === undefined) throw new FileError(`${path}: storage ${key} is a ${type}, whose size is not known here`);
  if (count !== BigInt(length))
    throw new FileError(`${path}: damaged: storage ${key} has ${count} elements in the file, want ${length}`);
  return length * TENSOR_ARRAYS[dtype].BYTES_PER_ELEMENT;
}

function shown(value: unknown): string {
  return typeof value === "number" || typeof value === "string" ? `"${value}"`.slice(0, 40) : "something else";
}
