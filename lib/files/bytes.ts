import { type FileHandle, open } from "node:fs/promises";
import { FileError } from "../errors.js";

const CHUNK = 2 ** 30; // bytes; one read or write call of Node takes less than 2^31

/** The bytes behind a typed array, shared, not copied; little-endian on every platform this package installs on. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Writes all of `bytes` at `position`, however often the system writes less than asked. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.length - at, CHUNK), position + at);
    at += bytesWritten;
  }
}

/** Fills `bytes` from `position`; false when the file ends before. */
export async function readFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<boolean> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(bytes.length - at, CHUNK), position + at);
    if (bytesRead === 0) return false;
    at += bytesRead;
  }
  return true;
}

/** @throws FileError when the file is missing or cannot be opened */
export async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const why = missing ? "no such file" : `cannot be opened: ${error instanceof Error ? error.message : error}`;
    throw new FileError(`${path}: ${why}`, { cause: error });
  }
}
