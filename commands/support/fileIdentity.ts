/** Which file of weights a score came from: names differ between machines, hashes do not. */
import path from "node:path";
import { fileHash } from "../../lib/files/fileHash.js";

export type FileIdentity = {
  /** Name of the file, without its folder. */
  readonly file: string;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /** Whether it is the published file; scores by another one, a converted one too, are to be quoted with its hash. */
  readonly known: boolean;
};

/**
 * Identity of a file.
 * @param published what the SHA-256 of the published file begins with
 */
export async function fileIdentity(file: string, published: string): Promise<FileIdentity> {
  const sha256 = await fileHash(file);
  return { file: path.basename(file), sha256, known: sha256.startsWith(published) };
}
