import { FileError } from "../errors.js";
import type { ByteFile } from "./byteFile.js";

/** Longest piece that is handed out at once, in bytes: more than any string of a checkpoint, less than V8's longest. */
export const MAX_PIECE = 2 ** 28;

/** Reads bytes front to back, from memory or from a file in chunks. */
export class ByteCursor {
  private chunk: Buffer;
  private chunkStart = 0;
  private at = 0;

  private constructor(
    /** What is read, in errors. */
    readonly place: string,
    private readonly end: number,
    private readonly source: ByteFile | Buffer,
  ) {
    this.chunk = Buffer.isBuffer(source) ? source : Buffer.alloc(0);
  }

  static overBytes(place: string, bytes: Buffer): ByteCursor {
    return new ByteCursor(place, bytes.length, bytes);
  }

  static overFile(file: ByteFile): ByteCursor {
    return new ByteCursor(file.path, file.size, file);
  }

  /** Where the next byte lies. */
  get position(): number {
    return this.at;
  }

  /** @throws FileError at the end */
  byte(): number {
    const value = this.chunk[this.at - this.chunkStart] ?? this.peek(1)[0]!;
    this.at++;
    return value;
  }

  /**
   * The next bytes, a view that later reads leave alone.
   * @throws FileError when fewer are left, or more than `MAX_PIECE` are asked for
   */
  take(length: number): Buffer {
    const bytes = this.peek(length);
    this.at += length;
    return bytes;
  }

  /** The bytes before the next newline, which is passed over; throws as `take` does. */
  line(): Buffer {
    for (let length = 128; ; length *= 2) {
      const left = this.end - this.at;
      const newline = this.peek(Math.min(length, left)).indexOf(NEWLINE);
      if (newline >= 0) return this.take(newline + 1).subarray(0, newline);
      if (length >= left) this.peek(left + 1);
    }
  }

  private peek(length: number): Buffer {
    const left = this.end - this.at;
    if (length > left)
      throw new FileError(
        `${this.place}: truncated or damaged: want ${length} bytes at ${this.at}, ${left} are left; copy or make it again`,
      );
    if (length > MAX_PIECE)
      throw new FileError(`${this.place}: damaged: a value of ${length} bytes at ${this.at} is absurd`);
    if (this.at + length > this.chunkStart + this.chunk.length) this.load(Math.min(Math.max(length, CHUNK), left));
    const from = this.at - this.chunkStart;
    return this.chunk.subarray(from, from + length);
  }

  private load(length: number): void {
    if (Buffer.isBuffer(this.source)) return; // all of it is the chunk
    const chunk = Buffer.alloc(length);
    this.source.fillNow(chunk, this.at);
    this.chunk = chunk;
    this.chunkStart = this.at;
  }
}

const CHUNK = 2 ** 16; // bytes
const NEWLINE = 0x0a;
