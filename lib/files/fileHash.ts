import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { FileError } from "../errors.js";

/**
 * SHA-256 of a file of any size, 64 hexadecimal digits.
 * @throws FileError when it cannot be read
 */
export async function fileHash(file: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) hash.update(chunk as Buffer);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`${file}: cannot be read: ${reason}`, { cause: error });
  }
  return hash.digest("hex");
}

const CHUNK = 2 ** 20; // bytes
