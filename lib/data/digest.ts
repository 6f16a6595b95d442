/** What tells data from other data of the same size, wherever it lies. */
import { createHash } from "node:crypto";
import type { TokenFile } from "../files/tokenFile.js";
import type { ImageSource } from "./source.js";
import { spreadPlaces } from "./thinned.js";

/**
 * Digest of a set of images: of labels and pixels where these lie in memory, else of the names of files below the set's own
 * folder, since reading a million files would take an hour.
 * @returns SHA-256, 64 hexadecimal digits
 */
export function imagesDigest(source: Pick<ImageSource, "count" | "files" | "input" | "label" | "name">): string {
  const hash = createHash("sha256");
  if (source.files && !source.files.places) {
    const { folders, folderOf, names, ends } = source.files;
    hash.update(JSON.stringify(folders));
    for (const part of [folderOf, ends, names]) hash.update(part);
    return hash.digest("hex");
  }
  for (let i = 0; i < source.count; i++) {
    const input = source.input(i);
    hash.update(`${source.label(i)} `);
    hash.update("pixels" in input ? input.pixels : JSON.stringify(source.name(i)));
  }
  return hash.digest("hex");
}

/** Rows of a token file that its digest reads: those of a file of 2 GB in a moment. */
const ROWS = 1024;

/**
 * Digest of a token file: of all labels, and of the codes of rows spread over it, all of them where there are no more than 1,024.
 * @returns SHA-256, 64 hexadecimal digits
 * @throws FileError when a code is outside the vocabulary
 */
export async function codesDigest({
  count,
  labels,
  read,
}: Pick<TokenFile, "count" | "labels" | "read">): Promise<string> {
  const hash = createHash("sha256");
  if (labels) hash.update(labels);
  hash.update(await read(spreadPlaces(ROWS, count)));
  return hash.digest("hex");
}
