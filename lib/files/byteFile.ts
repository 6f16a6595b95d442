import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { FileError } from "../errors.js";
import { openForReading, readFully } from "./bytes.js";

/** A file that is read by position, of any size. */
export class ByteFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws FileError when it is missing, cannot be opened, or is a folder or device */
  static async open(path: string): Promise<ByteFile> {
    const handle = await openForReading(path);
    const stats = await handle.stat();
    if (stats.isFile()) return new ByteFile(path, stats.size, handle);
    await handle.close();
    throw new FileError(`${path}: not a file but a folder or device`);
  }

  /**
   * Fills `bytes` from `position`.
   * @throws FileError when the file ends before
   */
  async fill(bytes: Uint8Array, position: number): Promise<void> {
    this.expectInside(position, bytes.length);
    if (!(await readFully(this.handle, bytes, position))) throw this.becameShorter();
  }

  /** As `fill`, but done on return; for the small records that say where the rest lies. */
  fillNow(bytes: Uint8Array, position: number): void {
    this.expectInside(position, bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.handle.fd, bytes, at, bytes.length - at, position + at);
      if (count === 0) throw this.becameShorter();
      at += count;
    }
  }

  /** Bytes `[position, position + length)`; throws as `fill` does, before any memory is taken. */
  async read(position: number, length: number): Promise<Buffer> {
    this.expectInside(position, length);
    const bytes = Buffer.alloc(length);
    await this.fill(bytes, position);
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private expectInside(position: number, length: number): void {
    if (position >= 0 && length >= 0 && position + length <= this.size) return;
    throw new FileError(
      `${this.path}: truncated or damaged: want ${length} bytes at ${position}, the file has ${this.size} in all`,
    );
  }

  private becameShorter(): FileError {
    return new FileError(`${this.path}: became shorter while it was read; make or copy it again`);
  }
}
