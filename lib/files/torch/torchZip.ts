/**
 * The zip format of torch.save (PyTorch 1.6 and newer): `<name>/data.pkl` with the object, `<name>/data/<key>` with each
 * storage, `<name>/byteorder` since 2.1. Source: pytorch/torch/serialization.py, `_save` and `_load`.
 */
import { FileError } from "../../errors.js";
import { ByteCursor, MAX_PIECE } from "../byteCursor.js";
import type { ByteFile } from "../byteFile.js";
import { TENSOR_ARRAYS } from "../safetensorsHeader.js";
import { unpickle } from "./pickle.js";
import { PickleFault, PyObject } from "./pickleValues.js";
import { TORCH_GLOBALS } from "./torchGlobals.js";
import { storageId } from "./torchStorageId.js";
import { TorchStorage } from "./torchTensor.js";
import { openZip, type ZipArchive, type ZipEntry } from "./zipReader.js";

/** The first bytes of a zip file. */
export const ZIP_START = Buffer.from("PK\x03\x04", "latin1");

/**
 * The object in a zip checkpoint, its tensors still in the file.
 * @throws FileError when it is damaged, or a zip file of another kind
 */
export async function readTorchZip(file: ByteFile): Promise<unknown> {
  const zip = await openZip(file);
  const pickle = pickleEntry(zip);
  const folder = pickle.name.slice(0, -PICKLE.length);
  await expectLittleEndian(zip, folder);
  if (pickle.size > MAX_PIECE) throw new FileError(`${file.path}: ${pickle.name} of ${pickle.size} bytes is absurd`);
  const bytes = ByteCursor.overBytes(`${file.path}: ${pickle.name}`, await zip.read(pickle));
  return unpickle(bytes, { allowed: TORCH_GLOBALS, persistent: (id) => storageOf(zip, folder, id) });
}

const PICKLE = "data.pkl";

function pickleEntry({ path, entries }: ZipArchive): ZipEntry {
  const found = [...entries.values()].filter(({ name }) => name === PICKLE || name.endsWith(`/${PICKLE}`));
  const [pickle] = found;
  if (pickle && found.length === 1) return pickle;
  const names = [...entries.keys()];
  const some = names.slice(0, 5).join(", ") + (names.length > 5 ? `, ... (${names.length})` : "");
  throw new FileError(
    `${path}: a zip file, but not one of torch.save: want one ${PICKLE}, got ${found.length}; it holds ${some || "nothing"}`,
  );
}

async function expectLittleEndian(zip: ZipArchive, folder: string): Promise<void> {
  const entry = zip.entries.get(`${folder}byteorder`);
  if (!entry) return;
  const order = (await zip.read(entry)).toString("latin1").trim();
  if (order !== "little")
    throw new FileError(
      `${zip.path}: its numbers are ${order.slice(0, 20)}-endian; save it again on a little-endian machine`,
    );
}

function storageOf(zip: ZipArchive, folder: string, id: unknown): TorchStorage | PyObject {
  const { key, dtype, type, length } = storageId(id);
  if (dtype === undefined) return new PyObject(type, [key, length]);
  const entry = zip.entries.get(`${folder}data/${key}`);
  const bytes = length * TENSOR_ARRAYS[dtype].BYTES_PER_ELEMENT;
  if (!entry || entry.size < bytes)
    throw new PickleFault(`storage ${key} of ${bytes} bytes is ${entry ? `only ${entry.size} long` : "missing"}`);
  return new TorchStorage(`${zip.path}: storage ${key}`, dtype, length, (into, begin) => zip.fill(entry, into, begin));
}
