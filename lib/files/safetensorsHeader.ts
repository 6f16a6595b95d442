/**
 * The header of a safetensors file: 8 bytes of length (little-endian), then JSON that gives each tensor's type, shape
 * and place in the data that follows. Source: github.com/huggingface/safetensors, "Format".
 */
import { FileError } from "../errors.js";
import { sizeOf } from "../shapes.js";

/** Element types by their name in the file, with the array that holds them (half floats as their bits, booleans as 0 or 1). */
export const TENSOR_ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type TensorType = keyof typeof TENSOR_ARRAYS;

/** Type and shape of a stored tensor. */
export type TensorInfo = { readonly dtype: TensorType; readonly shape: readonly number[] };

/** A tensor's info with its bytes `[begin, end)` in the data section. */
export type PlacedTensor = TensorInfo & { readonly begin: number; readonly end: number };

export type Header = {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
};

/** Longest header that the format's own implementation reads, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of a tensor: elements times element size. */
export function tensorBytes({ dtype, shape }: TensorInfo): number {
  return sizeOf(shape) * TENSOR_ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/**
 * The length and header as bytes, padded with spaces so that data start at a multiple of 8.
 * Metadata keys are sorted; tensors stand in the order given, which must be the order of their data.
 * @param room pad the whole to this many bytes (a multiple of 8), for headers written after their data
 */
export function encodeHeader({ metadata, tensors }: Header, room = 0): Uint8Array {
  const entries = [...tensors].map(([name, { dtype, shape, begin, end }]) =>
    entry(name, { dtype, shape, data_offsets: [begin, end] }),
  );
  const strings = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (strings.length > 0) entries.unshift(`"__metadata__":{${strings.map(([k, v]) => entry(k, v)).join(",")}}`);
  const json = Buffer.from(`{${entries.join(",")}}`);
  const size = Math.max(room, 8 * Math.ceil((8 + json.length) / 8));
  const bytes = Buffer.alloc(size, " ");
  bytes.writeBigUInt64LE(BigInt(size - 8));
  json.copy(bytes, 8);
  return bytes;
}

/**
 * Parses and checks a header: every byte of the data section must belong to exactly one tensor.
 * @param json the header without its length
 * @param dataBytes size of what follows the header in the file
 * @throws FileError when it is not a safetensors header, or does not fit the file
 */
export function decodeHeader(path: string, json: Uint8Array, dataBytes: number): Header {
  const { __metadata__: metadata = {}, ...entries } = parseObject(path, json);
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw new FileError(`${path}: damaged safetensors header: __metadata__ must map strings to strings`);
  const tensors = new Map(Object.entries(entries).map(([name, value]) => [name, placedTensor(path, name, value)]));
  expectNoGaps(path, tensors, dataBytes);
  return { metadata: metadata as Record<string, string>, tensors };
}

// Built by hand: in a JavaScript object names like "10" would jump to the front and "__proto__" would vanish.
function entry(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

function parseObject(path: string, json: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (error) {
    throw new FileError(`${path}: not a safetensors file, or a damaged one: its header is not JSON`, { cause: error });
  }
  if (!isObject(value)) throw new FileError(`${path}: not a safetensors file: its header is not a JSON object`);
  return value;
}

function placedTensor(path: string, name: string, value: unknown): PlacedTensor {
  const wrong = (what: string) =>
    new FileError(`${path}: damaged safetensors header: tensor "${name}" ${what}, got ${JSON.stringify(value)}`);
  if (!isObject(value)) throw wrong("must be an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(TENSOR_ARRAYS, dtype))
    throw wrong(`must have a dtype among ${Object.keys(TENSOR_ARRAYS).join(", ")}`);
  if (!isSizes(shape)) throw wrong("must have a shape of sizes >= 0");
  if (!isSizes(offsets) || offsets.length !== 2) throw wrong("must have two data_offsets >= 0");
  const [begin, end] = offsets as [number, number];
  const info = { dtype: dtype as TensorType, shape };
  if (end - begin !== tensorBytes(info)) throw wrong(`must span ${tensorBytes(info)} bytes`);
  return { ...info, begin, end };
}

function expectNoGaps(path: string, tensors: ReadonlyMap<string, PlacedTensor>, dataBytes: number): void {
  const placed = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const [name, { begin, end }] of placed) {
    if (begin !== at)
      throw new FileError(
        `${path}: damaged safetensors header: tensor "${name}" starts at byte ${begin} of the data, ` +
          `${begin < at ? "inside the tensor before it" : "after a hole"}; want ${at}`,
      );
    at = end;
  }
  if (at > dataBytes)
    throw new FileError(
      `${path}: truncated: its header describes ${at} bytes of data, the file holds ${dataBytes}; copy or make it again`,
    );
  if (at < dataBytes)
    throw new FileError(`${path}: damaged: ${dataBytes - at} bytes follow the last tensor; copy or make it again`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
