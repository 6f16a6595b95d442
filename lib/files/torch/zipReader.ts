/**
 * Zip archives, read entry by entry and by position; zip64 and deflated entries included.
 * Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 (its end), 4.5.3 (zip64).
 */
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { FileError } from "../../errors.js";
import type { ByteFile } from "../byteFile.js";

/** A file in an archive, as the central directory describes it. */
export type ZipEntry = {
  readonly name: string;
  /** Bytes of its content. */
  readonly size: number;
  readonly packedSize: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly encrypted: boolean;
  /** Where its local header lies. */
  readonly position: number;
};

/** An open archive. */
export type ZipArchive = {
  readonly path: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * Fills `bytes` with content from byte `begin` of an entry; a deflated entry is inflated whole for it.
   * @throws FileError when the content ends before, is damaged, encrypted, or packed by another method
   */
  fill(entry: ZipEntry, bytes: Uint8Array, begin: number): Promise<void>;
  /** The whole content; throws as `fill` does. */
  read(entry: ZipEntry): Promise<Buffer>;
};

/** Largest entry that `read` takes and that is inflated, in bytes. */
export const MAX_WHOLE_ENTRY = 2 ** 31;

/**
 * Reads an archive's central directory; contents are read on demand.
 * @throws FileError when it is no zip file, truncated or inconsistent
 */
export async function openZip(file: ByteFile): Promise<ZipArchive> {
  const entries = new Map((await readDirectory(file)).map((entry) => [entry.name, entry]));
  const fill = async (entry: ZipEntry, bytes: Uint8Array, begin: number): Promise<void> => {
    if (begin + bytes.length > entry.size)
      throw wrong(file, entry, `holds ${entry.size} bytes, want ${bytes.length} from ${begin}`);
    const start = await contentStart(file, entry);
    if (entry.method === STORED) await file.fill(bytes, start + begin);
    else (await inflateEntry(file, entry, start)).copy(bytes, 0, begin);
  };
  const read = async (entry: ZipEntry): Promise<Buffer> => {
    if (entry.size > MAX_WHOLE_ENTRY) throw wrong(file, entry, `of ${entry.size} bytes is too large to read at once`);
    const bytes = Buffer.alloc(entry.size);
    await fill(entry, bytes, 0);
    return bytes;
  };
  return { path: file.path, entries, fill, read };
}

const STORED = 0;
const DEFLATED = 8;
const LOCAL_HEADER = { signature: 0x04034b50, bytes: 30 };
const DIRECTORY_ENTRY = { signature: 0x02014b50, bytes: 46 };
const DIRECTORY_END = { signature: 0x06054b50, bytes: 22 };
const ZIP64_END = { signature: 0x06064b50, bytes: 56 };
const ZIP64_LOCATOR = { signature: 0x07064b50, bytes: 20 };
const ZIP64_EXTRA = 1;
const MAX_COMMENT = 0xffff; // bytes
const MAX_DIRECTORY = 2 ** 28; // bytes, millions of entries
const MAX_INFLATION = 1032; // deflate's best: 258 bytes from 2 bits
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffffffff;

type Directory = { count: number; size: number; position: number };

async function readDirectory(file: ByteFile): Promise<ZipEntry[]> {
  const { count, size, position } = await findDirectory(file);
  if (size > MAX_DIRECTORY) throw damaged(file, `its directory of ${size} bytes is absurd`);
  const bytes = await file.read(position, size);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (; entries.length < count; ) {
    const { entry, end } = directoryEntry(file, bytes, at);
    if (entry.position + LOCAL_HEADER.bytes + entry.packedSize > position)
      throw wrong(file, entry, `of ${entry.packedSize} bytes at ${entry.position} runs into the directory`);
    entries.push(entry);
    at = end;
  }
  return entries;
}

async function findDirectory(file: ByteFile): Promise<Directory> {
  const tailStart = Math.max(0, file.size - DIRECTORY_END.bytes - MAX_COMMENT - ZIP64_LOCATOR.bytes);
  const tail = await file.read(tailStart, file.size - tailStart);
  for (let at = tail.length - DIRECTORY_END.bytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== DIRECTORY_END.signature) continue;
    const locator = at - ZIP64_LOCATOR.bytes;
    if (locator >= 0 && tail.readUInt32LE(locator) === ZIP64_LOCATOR.signature)
      return zip64Directory(file, safe(file, tail, locator + 8));
    const count = tail.readUInt16LE(at + 10);
    const [size, position] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
    if (count === IN_ZIP64_16 || size === IN_ZIP64_32 || position === IN_ZIP64_32)
      throw damaged(file, "its directory's end points to a zip64 record that is not there");
    return { count, size, position };
  }
  throw new FileError(`${file.path}: truncated, or no zip file: the directory at its end is missing; copy it again`);
}

async function zip64Directory(file: ByteFile, position: number): Promise<Directory> {
  const record = await file.read(position, ZIP64_END.bytes);
  if (record.readUInt32LE(0) !== ZIP64_END.signature) throw damaged(file, `no zip64 record at ${position}`);
  return { count: safe(file, record, 32), size: safe(file, record, 40), position: safe(file, record, 48) };
}

function directoryEntry(file: ByteFile, bytes: Buffer, at: number): { entry: ZipEntry; end: number } {
  const fixed = at + DIRECTORY_ENTRY.bytes;
  if (fixed > bytes.length || bytes.readUInt32LE(at) !== DIRECTORY_ENTRY.signature)
    throw damaged(file, `no directory entry at ${at} of the directory's ${bytes.length} bytes`);
  const nameEnd = fixed + bytes.readUInt16LE(at + 28);
  const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
  const end = extraEnd + bytes.readUInt16LE(at + 32);
  if (end > bytes.length) throw damaged(file, `the directory entry at ${at} leaves the directory`);
  const [packedSize, size, position] = [at + 20, at + 24, at + 42].map((field) => bytes.readUInt32LE(field));
  const fields = { size: size!, packedSize: packedSize!, position: position! };
  const entry: ZipEntry = {
    name: bytes.toString("utf8", fixed, nameEnd),
    method: bytes.readUInt16LE(at + 10),
    encrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
    ...withZip64(file, fields, bytes.subarray(nameEnd, extraEnd)),
  };
  return { entry, end };
}

type WideFields = { size: number; packedSize: number; position: number };

/** Fields that did not fit 32 bits, from the extra field that holds just those, in this order. */
function withZip64(file: ByteFile, fields: WideFields, extra: Buffer): WideFields {
  const wide = (["size", "packedSize", "position"] as const).filter((name) => fields[name] === IN_ZIP64_32);
  if (wide.length === 0) return fields;
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) !== ZIP64_EXTRA || end > extra.length || end < at + 4 + 8 * wide.length) continue;
    return { ...fields, ...Object.fromEntries(wide.map((name, i) => [name, safe(file, extra, at + 4 + 8 * i)])) };
  }
  throw damaged(file, "a directory entry lacks its zip64 sizes");
}

async function contentStart(file: ByteFile, entry: ZipEntry): Promise<number> {
  if (entry.encrypted) throw wrong(file, entry, "is encrypted; want a plain archive, as torch.save writes");
  if (entry.method !== STORED && entry.method !== DEFLATED)
    throw wrong(file, entry, `is packed by method ${entry.method}; want stored (0) or deflated (8)`);
  if (entry.method === STORED && entry.packedSize !== entry.size)
    throw wrong(file, entry, `is stored in ${entry.packedSize} bytes but said to hold ${entry.size}`);
  const header = await file.read(entry.position, LOCAL_HEADER.bytes);
  if (header.readUInt32LE(0) !== LOCAL_HEADER.signature)
    throw wrong(file, entry, `has no header at ${entry.position}, where the directory puts it`);
  return entry.position + LOCAL_HEADER.bytes + header.readUInt16LE(26) + header.readUInt16LE(28);
}

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

async function inflateEntry(file: ByteFile, entry: ZipEntry, start: number): Promise<Buffer> {
  const { size, packedSize } = entry;
  if (size > MAX_WHOLE_ENTRY || size > MAX_INFLATION * packedSize)
    throw wrong(file, entry, `is said to inflate from ${packedSize} to ${size} bytes, which is absurd`);
  const packed = await file.read(start, packedSize);
  const content = await inflate(packed, { maxOutputLength: Math.max(1, size) }).catch((error: unknown) => {
    throw wrong(file, entry, `cannot be inflated: ${error instanceof Error ? error.message : error}`, { cause: error });
  });
  if (content.length !== size) throw wrong(file, entry, `inflates to ${content.length} bytes, want ${size}`);
  return content;
}

/** A 64-bit field as a number; beyond 2^53 it cannot be right. */
function safe(file: ByteFile, bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > Number.MAX_SAFE_INTEGER) throw damaged(file, `a size or position of ${value} is absurd`);
  return Number(value);
}

function wrong(file: ByteFile, { name }: ZipEntry, what: string, options?: ErrorOptions): FileError {
  return new FileError(`${file.path}: entry "${name}" ${what}`, options);
}

function damaged(file: ByteFile, what: string): FileError {
  return new FileError(`${file.path}: damaged zip file: ${what}; copy or make it again`);
}
