/** Native files: which libraries they are linked with, and how new the system's own must be. */
import { execFile } from "node:child_process";
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UsageError } from "../../lib/errors.js";

/** Parts of glibc, and the two of GCC that the smallest images of the distributions have, too. */
const BASE_SYSTEM =
  /^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv|libutil|libstdc\+\+|libgcc_s)\.so\.\d+$/;

/**
 * Requires that a native file is linked, directly or through others, with nothing but a base system and what lies below `folder`.
 * @param folder none unless given
 * @returns real paths of the libraries below `folder`
 * @throws UsageError when it is linked with anything else, or `ldd` cannot say
 */
export async function expectPortable(file: string, folder?: string): Promise<string[]> {
  const below: string[] = [];
  for (const { name, at } of parseLdd(await ldd(file))) {
    if (folder !== undefined && at && path.resolve(at).startsWith(folder + path.sep)) below.push(await realpath(at));
    else if (!BASE_SYSTEM.test(name))
      throw new UsageError(
        `bundle: ${file}: want it linked with libraries of a base system alone, got ${name}, which other machines may ` +
          "lack; run this with Node from nodejs.org and packages from npm ci",
      );
  }
  return below;
}

export type Library = { readonly name: string; readonly at: string | undefined };

/** The libraries in the output of `ldd`, with where they are, if they are anywhere. */
export function parseLdd(output: string): Library[] {
  const lines = output.matchAll(/^\s+(\S+)(?: => (?:not found|(\/.+?)))?(?: \(0x[0-9a-f]+\))?$/gm);
  return [...lines].map(([, name, at]) => ({ name: path.basename(name!), at }));
}

async function ldd(file: string): Promise<string> {
  try {
    return (await promisify(execFile)("ldd", [file], { env: { PATH: process.env["PATH"], LC_ALL: "C" } })).stdout;
  } catch (cause) {
    throw new UsageError(`bundle: ${file}: ldd cannot say what it is linked with: ${String(cause)}`, { cause });
  }
}

export type SymbolVersions = Record<"GLIBC" | "GLIBCXX", string>;

/** The newest versions of glibc's and libstdc++'s symbols that any of the files names, such as `2.28` and `3.4.22`. */
export async function newestSymbols(files: readonly string[]): Promise<SymbolVersions> {
  const newest: SymbolVersions = { GLIBC: "0", GLIBCXX: "0" };
  for (const file of files)
    for (const [, library, version] of (await readFile(file, "latin1")).matchAll(/\b(GLIBC|GLIBCXX)_([\d.]+)\0/g)) {
      const key = library as keyof SymbolVersions;
      if (version!.localeCompare(newest[key], "en", { numeric: true }) > 0) newest[key] = version!;
    }
  return newest;
}
