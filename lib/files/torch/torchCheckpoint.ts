/**
 * Files of torch.save (`.pt`, `.pth`, `.ckpt`), in both formats, read as data: nothing in them is run.
 * Storages are read by position when a tensor of theirs is asked for.
 */
import { FileError } from "../../errors.js";
import { ByteFile } from "../byteFile.js";
import { LEGACY_MAGIC, readTorchLegacy } from "./torchLegacy.js";
import { readTorchZip, ZIP_START } from "./torchZip.js";

/** An open checkpoint. */
export type TorchFile = {
  readonly path: string;
  readonly format: "zip" | "legacy";
  /** The saved object in the terms of `unpickle`, with tensors as `TorchTensor`. */
  readonly root: unknown;
  close(): Promise<void>;
};

/** Bytes of a file's start that tell what it is. */
export const START_BYTES = 32;

/** The format of a file of torch.save by its first bytes; undefined when it is none. */
export function torchFormat(start: Buffer): "zip" | "legacy" | undefined {
  if (start.subarray(0, ZIP_START.length).equals(ZIP_START)) return "zip";
  return start[0] === PROTO && start.includes(LEGACY_MAGIC) ? "legacy" : undefined;
}

/**
 * Opens a checkpoint and unpickles its object; tensors stay in the file.
 * @throws FileError when it is missing, no file of torch.save, truncated or damaged
 */
export async function openTorchFile(path: string): Promise<TorchFile> {
  const file = await ByteFile.open(path);
  try {
    const start = await file.read(0, Math.min(START_BYTES, file.size));
    const format = torchFormat(start);
    if (!format) throw new FileError(`${path}: not a file of torch.save: ${beginning(start)}`);
    const root = await (format === "zip" ? readTorchZip(file) : readTorchLegacy(file));
    return { path, format, root, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What a file begins with, for errors: web pages and pointers of git-lfs show themselves so. */
export function beginning(start: Buffer): string {
  if (start.length === 0) return "it is empty";
  const text = start.toString("latin1").replace(/[^\x20-\x7e]/g, ".");
  return `it begins with "${text}"`;
}

const PROTO = 0x80; // first opcode of a binary pickle
