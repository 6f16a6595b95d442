import { readFile } from "node:fs/promises";
import { DataError } from "../errors.js";

/**
 * Names of classes 0, 1, ... from a text file, one a line.
 * @param atLeast number of classes that need a name
 * @throws DataError when the file is missing, has an empty line between names, or too few names
 */
export async function readClassNames(file: string, atLeast: number): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`cannot read class names ${file}: ${cause.message}`, { cause });
  });
  const names = text.trimEnd().split(/\r?\n/);
  const empty = names.findIndex((name) => name.trim() === "");
  if (empty >= 0) throw new DataError(`${file}: line ${empty + 1} is empty; want one class name a line`);
  if (names.length < atLeast)
    throw new DataError(`${file}: want a name for each of ${atLeast} classes, got ${names.length} lines`);
  return names.map((name) => name.trim());
}
