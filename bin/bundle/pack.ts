/** Packs a folder into one archive, equal folders into equal bytes. */
import { spawn } from "node:child_process";
import { rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { temporaryName } from "../../lib/files/atomic.js";
import { formatBytes } from "../../lib/ui/format.js";

/**
 * Writes a folder, its name included, as a tar archive that appears whole or not at all.
 * @param compressor a program that compresses from standard input to standard output, with its options; none for plain tar
 * @throws UsageError when GNU tar or the compressor is not here, or one of them fails
 */
export async function pack(folder: string, archive: string, compressor?: string): Promise<void> {
  const temporary = temporaryName(archive);
  const seconds = process.env["SOURCE_DATE_EPOCH"] ?? "0";
  try {
    await tar([
      ...["--create", "--file", temporary, ...(compressor === undefined ? [] : ["--use-compress-program", compressor])],
      ...["--format=gnu", "--sort=name", `--mtime=@${seconds}`, "--owner=0", "--group=0", "--numeric-owner"],
      ...["--mode=u=rwX,go=rX", "--directory", path.dirname(folder), path.basename(folder)],
    ]);
    await rename(temporary, archive);
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * The size of an archive in bytes.
 * @throws UsageError when it is above `limit`; the archive is then removed
 */
export async function sizeWithin(archive: string, limit: number): Promise<number> {
  const { size } = await stat(archive);
  if (size <= limit) return size;
  await rm(archive);
  throw new UsageError(
    `bundle: ${archive}: want at most ${formatBytes(limit)}, got ${formatBytes(size)}; with --uncompressed one is made ` +
      "for tar -tv to show what grew",
  );
}

function tar(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("tar", args, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    const fail = (reason: string) =>
      reject(
        new UsageError(`bundle: tar: ${reason.trim()}; want GNU tar and xz, in Debian's packages tar and xz-utils`),
      );
    child.on("error", (error) => fail(error.message));
    child.on("close", (status) => (status === 0 ? resolve() : fail(said || `exit ${status}`)));
  });
}
