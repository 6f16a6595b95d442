/** Places for results: tried before anything is loaded or computed, so that no work is lost to a name that cannot be written. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { entriesOf } from "../../lib/files/runDirectory.js";

type Leave = {
  /** Whether what is there may be replaced. */
  readonly force: boolean;
};

type FolderLeave = Leave & {
  /** What `--force` replaces in the folder. */
  readonly what?: string;
  /** The files to be written, where others may lie beside them. */
  readonly names?: readonly string[];
};

/**
 * Lets a result be written to a file; without a file there is nothing to check.
 * @param flag that names the file
 * @throws UsageError when a folder is there, a file that may not be replaced, or nothing can be written
 */
export async function expectFilePlace(flag: string, file: string | undefined, { force }: Leave): Promise<void> {
  if (file === undefined) return;
  const kind = await kindOf(file);
  if (kind === "folder") throw new UsageError(`${flag}: ${file} is a folder; name a file`);
  if (kind === "file" && !force) throw exists(flag, file, "file");
  await expectWritable(flag, path.dirname(path.resolve(file)));
}

/**
 * Lets results be written into a folder; without a folder there is nothing to check.
 * @param flag that names the folder
 * @throws UsageError when a file is there, something that may not be replaced, or nothing can be written
 */
export async function expectFolderPlace(
  flag: string,
  folder: string | undefined,
  { force, what = "what is there", names }: FolderLeave,
): Promise<void> {
  if (folder === undefined) return;
  const kind = await kindOf(folder);
  if (kind === "file") throw new UsageError(`${flag}: ${folder} is a file; name a folder`);
  await expectWritable(flag, path.resolve(folder));
  for (const file of (names ?? []).map((name) => path.join(folder, name))) {
    const taken = await kindOf(file);
    if (taken === "folder") throw new UsageError(`${flag}: ${file} is a folder; name another folder`);
    if (taken === "file" && !force) throw exists(flag, file, "folder");
  }
  if (names || force || kind === undefined || (await entriesOf(folder)).length === 0) return;
  throw new UsageError(`${flag}: ${folder} is not empty; --force replaces ${what}, or name another folder`);
}

const exists = (flag: string, file: string, other: string): UsageError =>
  new UsageError(`${flag}: ${file} exists; --force replaces it, or name another ${other}`);

/** What has this name, whatever is no folder being a file; undefined for nothing. */
async function kindOf(place: string): Promise<"file" | "folder" | undefined> {
  const found = await stat(place).catch(() => undefined);
  return found && (found.isDirectory() ? "folder" : "file");
}

/** Tries the folder, or what is nearest above it where folders are still to be made. */
async function expectWritable(flag: string, folder: string): Promise<void> {
  const kind = await kindOf(folder);
  if (kind === undefined && folder !== path.dirname(folder)) return expectWritable(flag, path.dirname(folder));
  if (kind === "file")
    throw new UsageError(`${flag}: ${folder} is a file, and would have to be a folder; name another place`);
  await access(folder, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${flag}: nothing can be written in ${folder} (${error.code}); name another place`);
  });
}
