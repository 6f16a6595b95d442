/** The one reader and the one writer of safetensors files; tensors are read one by one or in rows, never all at once. */
import type { FileHandle } from "node:fs/promises";
import { FileError } from "../errors.js";
import { writeAtomically } from "./atomic.js";
import { bytesOf, openForReading, readFully, writeFully } from "./bytes.js";
import {
  decodeHeader,
  encodeHeader,
  type Header,
  MAX_HEADER_BYTES,
  type PlacedTensor,
  TENSOR_ARRAYS,
  type TensorInfo,
  type TensorType,
  tensorBytes,
} from "./safetensorsHeader.js";

/** A tensor as files hold it; `data` is the array of `TENSOR_ARRAYS` for its dtype. */
export type FileTensor = {
  [T in TensorType]: {
    readonly dtype: T;
    readonly shape: readonly number[];
    readonly data: InstanceType<(typeof TENSOR_ARRAYS)[T]>;
  };
}[TensorType];

/** An open safetensors file. */
export type SafetensorsFile = {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** @throws FileError when there is no such tensor, or the file became shorter */
  read(name: string): Promise<FileTensor>;
  /**
   * Rows `from .. from + count - 1` of the leading axis; only their bytes are read.
   * @returns shape [count, ...the other sizes]
   * @throws RangeError when the rows are outside the tensor, or it has no axis
   */
  readRows(name: string, from: number, count: number): Promise<FileTensor>;
  close(): Promise<void>;
};

/**
 * Opens a file and checks its header against the format and the file's size; data are read on demand.
 * @throws FileError when the file is missing, no safetensors file, truncated or inconsistent
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await openForReading(path);
  try {
    const { header, dataStart } = await readHeader(path, handle);
    return readerOf(path, { handle, header, dataStart });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Writes tensors atomically. The bytes depend on the arguments alone: tensors stand by falling element size, then by
 * name, so that each is aligned to its own elements. Data are written from where they lie, without a copy.
 * @throws RangeError when a tensor's data do not fit its dtype or shape
 * @throws FileError when the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, FileTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const names = inFileOrder(tensors);
  let end = 0;
  const placed = new Map<string, PlacedTensor>();
  for (const name of names) {
    const tensor = tensors[name]!;
    expectFits(name, tensor);
    const begin = end;
    end += tensor.data.byteLength;
    placed.set(name, { dtype: tensor.dtype, shape: tensor.shape, begin, end });
  }
  const header = encodeHeader({ metadata, tensors: placed });
  await writeAtomically(path, async (handle) => {
    await writeFully(handle, header, 0);
    for (const [name, { begin }] of placed)
      await writeFully(handle, bytesOf(tensors[name]!.data), header.length + begin);
  });
}

type OpenFile = { handle: FileHandle; header: Header; dataStart: number };

async function readHeader(path: string, handle: FileHandle): Promise<{ header: Header; dataStart: number }> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new FileError(`${path}: not a safetensors file but a folder or device`);
  const start = Buffer.alloc(8);
  if (!(await readFully(handle, start, 0)))
    throw new FileError(`${path}: not a safetensors file: ${stats.size} bytes are too few for a header`);
  const length = start.readBigUInt64LE();
  if (length > MAX_HEADER_BYTES)
    throw new FileError(`${path}: not a safetensors file: a header of ${length} bytes is absurd`);
  const json = new Uint8Array(Number(length));
  const dataStart = 8 + json.length;
  if (!(await readFully(handle, json, 8)))
    throw new FileError(
      `${path}: truncated, or not a safetensors file: want a header of ${length} bytes, the file has ${stats.size} in all`,
    );
  return { header: decodeHeader(path, json, stats.size - dataStart), dataStart };
}

function readerOf(path: string, { handle, header, dataStart }: OpenFile): SafetensorsFile {
  const find = (name: string): PlacedTensor => {
    const tensor = header.tensors.get(name);
    if (tensor) return tensor;
    const known = [...header.tensors.keys()];
    const some = known.slice(0, 5).join(", ") + (known.length > 5 ? `, ... (${known.length})` : "");
    throw new FileError(`${path}: no tensor "${name}"; the file holds ${some || "none"}`);
  };
  const readAt = async ({ dtype, shape }: TensorInfo, begin: number): Promise<FileTensor> => {
    const buffer = new ArrayBuffer(tensorBytes({ dtype, shape }));
    if (!(await readFully(handle, new Uint8Array(buffer), dataStart + begin)))
      throw new FileError(`${path}: became shorter while it was read; make or copy it again`);
    return { dtype, shape, data: new TENSOR_ARRAYS[dtype](buffer) } as FileTensor;
  };
  return {
    path,
    metadata: header.metadata,
    tensors: header.tensors,
    read: async (name) => {
      const tensor = find(name);
      return readAt(tensor, tensor.begin);
    },
    readRows: async (name, from, count) => {
      const { dtype, shape, begin } = find(name);
      expectRows(`${path}: tensor "${name}"`, shape, { from, count });
      const rowBytes = tensorBytes({ dtype, shape: shape.slice(1) });
      return readAt({ dtype, shape: [count, ...shape.slice(1)] }, begin + from * rowBytes);
    },
    close: () => handle.close(),
  };
}

function expectRows(what: string, shape: readonly number[], { from, count }: { from: number; count: number }): void {
  const [rows] = shape;
  if (rows === undefined) throw new RangeError(`${what} is a scalar and has no rows`);
  const whole = Number.isInteger(from) && Number.isInteger(count);
  if (!whole || from < 0 || count < 0 || from + count > rows)
    throw new RangeError(`${what}: want rows within 0..${rows}, got ${count} from ${from}`);
}

function inFileOrder(tensors: Readonly<Record<string, FileTensor>>): string[] {
  const size = (name: string) => TENSOR_ARRAYS[tensors[name]!.dtype].BYTES_PER_ELEMENT;
  return Object.keys(tensors).sort((a, b) => size(b) - size(a) || (a < b ? -1 : 1));
}

function expectFits(name: string, { dtype, shape, data }: FileTensor): void {
  const Wanted = TENSOR_ARRAYS[dtype];
  if (!(data instanceof Wanted))
    throw new RangeError(`safetensors: ${name}: want a ${Wanted.name} for ${dtype}, got another array`);
  if (tensorBytes({ dtype, shape }) !== data.byteLength)
    throw new RangeError(`safetensors: ${name}: shape [${shape.join(", ")}] does not hold ${data.length} elements`);
}
