/**
 * Files that appear whole or not at all: written to a temporary name in the same folder, flushed to disk, renamed.
 * A reader meets the old file or the new one, also when the writer is killed at any moment.
 */
import { randomBytes } from "node:crypto";
import { copyFile, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../errors.js";
import { writeFully } from "./bytes.js";
import { forgetPending, notePending } from "./pendingNames.js";

/** A file that is being written under a temporary name. */
export type PendingFile = {
  readonly handle: FileHandle;
  /** Writes all bytes at a position. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Flushes to disk and gives the file its final name. */
  commit(): Promise<void>;
  /** Removes the temporary file; does nothing after `commit`. */
  abort(): Promise<void>;
};

/** What to write: bytes, text, or a function that is handed the open file. */
export type FileContent = string | Uint8Array | ((handle: FileHandle) => Promise<void>);

/**
 * Opens a temporary file beside `file`, making missing folders.
 * @throws FileError when the folder cannot be made or written to
 */
export async function createPending(file: string): Promise<PendingFile> {
  const temporary = temporaryName(file);
  const handle = await makeFile(file, temporary);
  notePending(temporary);
  const write = async (bytes: Uint8Array, position: number) => {
    await writeFully(handle, bytes, position).catch((error) => {
      throw asWriteError(file, error);
    });
  };
  const abort = async () => {
    await handle.close();
    await rm(temporary, { force: true });
    forgetPending(temporary);
  };
  const commit = async () => {
    try {
      await handle.sync();
      await handle.close(); // Windows renames closed files only
      await rename(temporary, file);
      forgetPending(temporary);
    } catch (error) {
      await abort();
      throw asWriteError(file, error);
    }
    await syncFolder(path.dirname(file));
  };
  return { handle, write, commit, abort };
}

/**
 * Writes a file atomically, making missing folders; when anything fails, the temporary file is removed and an older
 * file of that name stays as it was.
 * @throws FileError when the system refuses (no room, no permission); what a content function throws passes through
 */
export async function writeAtomically(file: string, content: FileContent): Promise<void> {
  const pending = await createPending(file);
  try {
    if (typeof content === "function") await content(pending.handle);
    else await pending.handle.writeFile(content);
    await pending.commit();
  } catch (error) {
    await pending.abort();
    throw asWriteError(file, error);
  }
}

/**
 * Makes a folder, and those above it, where they are missing.
 * @throws FileError when the system refuses, or a file is in its place
 */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new FileError(`${folder}: cannot be made: ${error.message}`, { cause: error });
  });
}

/** Gives a file a second name, or copies it where the file system has no links; later writes of either leave the other. */
export async function linkFile(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

/** Writes `stableJson(value)` atomically. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeAtomically(file, stableJson(value, 2));
}

/**
 * JSON with sorted keys, so that equal values give equal bytes however they were put together; indented text ends in a newline.
 * @throws RangeError on a number that JSON cannot hold (NaN, infinities), which would silently become null
 */
export function stableJson(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, sortKeys, indent);
  return indent > 0 ? `${text}\n` : text;
}

/**
 * A fresh temporary name beside `file`: `<file>.<process>-<random digits>.tmp`. In containers every process has the same
 * number, and what one leaves behind when it is killed must not be in the way of the next.
 */
export function temporaryName(file: string): string {
  return `${file}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`;
}

/** Whether a file or folder name was made by `temporaryName`: what a killed process leaves behind. */
export function isTemporaryName(name: string): boolean {
  return /\.\d+-[0-9a-f]+\.tmp$/.test(name);
}

/** Flushes the names in a folder to disk, where the file system knows how. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  // Windows and some network file systems cannot flush a folder; the rename is atomic there all the same.
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** A system's error as a FileError that names the file; any other error as it is. */
export function asWriteError(file: string, error: unknown): unknown {
  if (!(error instanceof Error && "syscall" in error)) return error;
  return new FileError(`${file}: cannot be written: ${error.message}`, { cause: error });
}

async function makeFile(file: string, temporary: string): Promise<FileHandle> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    return await open(temporary, "wx+");
  } catch (error) {
    throw asWriteError(file, error);
  }
}

function sortKeys(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new RangeError(`JSON: ${key || "the value"} is ${value}; want a finite number`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
