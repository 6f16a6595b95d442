import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DataError } from "../errors.js";
import { sizeOf } from "../shapes.js";
import { IMAGE_EXTENSIONS } from "./scan.js";

/** Unsigned bytes in one, three or four dimensions, the last varying fastest. */
export type IdxArray = { readonly dims: readonly number[]; readonly data: Uint8Array };

const CHUNK_BYTES = 2 ** 18;

/** A use of the format: what it holds, and the first four bytes (two zeros, type 0x08 = byte, number of dimensions). */
export type IdxKind = { readonly holds: string; readonly magics: readonly number[]; readonly wanted: string };

/** Images: grey [N, H, W], colour [N, H, W, C]. */
export const IDX_IMAGES: IdxKind = {
  holds: "images",
  magics: [0x00000803, 0x00000804],
  wanted: `want an IDX file, an image (${IMAGE_EXTENSIONS.join(" ")}) or a folder of images`,
};

/** Labels [N]. */
export const IDX_LABELS: IdxKind = { holds: "labels", magics: [0x00000801], wanted: "want one byte an image" };

/**
 * Reads an IDX file of bytes, gzipped or not (seen from its content): big-endian magic, one uint32 a dimension, bytes.
 * Source: the format's description on the MNIST page, yann.lecun.com/exdb/mnist.
 * @throws DataError when the magic is another one, or the file is cut short, too long or a damaged gzip file
 */
export async function readIdx(file: string, kind: IdxKind): Promise<IdxArray> {
  const reader = new IdxReader(file, kind);
  try {
    await readChunks(file, (chunk) => reader.take(chunk));
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    // A gzip stream that ends early is reported below, with the number of bytes that came.
    if (code !== "Z_BUF_ERROR") throw new DataError(`cannot read ${file}: ${message}`, { cause: error });
  }
  return reader.finish();
}

async function readChunks(file: string, take: (chunk: Buffer) => void): Promise<void> {
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) take(chunk);
  };
  const zipped = await isGzip(file);
  const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  if (zipped) await pipeline(stream, createGunzip({ chunkSize: CHUNK_BYTES }), consume);
  else await pipeline(stream, consume);
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, "0")}`;

/** Takes a file's bytes in chunks of any size: first the header, then the array it announces. */
class IdxReader {
  #header = Buffer.alloc(0);
  #dims: number[] | undefined;
  #data = new Uint8Array(0);
  #filled = 0;

  constructor(
    readonly file: string,
    readonly kind: IdxKind,
  ) {}

  take(chunk: Buffer): void {
    let body = chunk;
    if (!this.#dims) {
      this.#header = Buffer.concat([this.#header, chunk]);
      const length = this.#headerLength();
      if (length === undefined || this.#header.length < length) return;
      body = this.#header.subarray(length);
      this.#allocate((length - 4) / 4);
    }
    if (this.#filled + body.length > this.#data.length)
      throw new DataError(`${this.file} is longer than its header says, ${this.#announced()}; is it the right file?`);
    this.#data.set(body, this.#filled);
    this.#filled += body.length;
  }

  finish(): IdxArray {
    if (this.#header.length < 4) {
      const { holds, wanted } = this.kind;
      throw new DataError(`${this.file} is no IDX file of ${holds}: it has ${this.#header.length} bytes; ${wanted}`);
    }
    if (!this.#dims) throw new DataError(`${this.file} is cut short inside its header`);
    if (this.#filled < this.#data.length)
      throw new DataError(`${this.file} is cut short: its header says ${this.#announced()}, ${this.#filled} are there`);
    return { dims: this.#dims, data: this.#data };
  }

  /** Bytes of magic and dimensions, once the magic is there. */
  #headerLength(): number | undefined {
    if (this.#header.length < 4) return undefined;
    const magic = this.#header.readUInt32BE(0);
    const { holds, magics, wanted } = this.kind;
    if (!magics.includes(magic))
      throw new DataError(
        `${this.file} is no IDX file of ${holds}: it starts with ${hex(magic)}, not ${magics.map(hex).join(" or ")}; ${wanted}`,
      );
    return 4 + 4 * (magic & 0xff);
  }

  #allocate(rank: number): void {
    this.#dims = Array.from({ length: rank }, (_, i) => this.#header.readUInt32BE(4 + 4 * i));
    const bytes = sizeOf(this.#dims);
    try {
      this.#data = new Uint8Array(bytes);
    } catch (error) {
      const advice = "more than fits in one array; use class folders";
      throw new DataError(`${this.file} announces ${this.#announced()}, ${advice}`, { cause: error });
    }
  }

  #announced(): string {
    const dims = this.#dims ?? [];
    return `${dims.join(" x ")} = ${sizeOf(dims)} bytes`;
  }
}
