/** Which files a program can load: its import graph, followed from one file in the way Node resolves names. */
import { existsSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "../../lib/errors.js";

/** A name as it is asked for, and in which way: a package may have one file for `import` and another for `require`. */
export type Reference = { readonly name: string; readonly by: "import" | "require" };

/**
 * Real paths, sorted, of `entry` and of all files that can be reached from it over names that sources spell out. Too many
 * rather than too few: a name in a comment counts. Names that lead nowhere are left out, since a file that is shipped
 * cannot ask for more than is installed here: parts for other platforms, optional packages.
 * @throws UsageError when Node was started without the flag that lets its resolver be asked
 */
export async function moduleGraph(entry: string): Promise<string[]> {
  expectResolver();
  const files = new Set([realpathSync(entry)]);
  for (const file of files) {
    if (!/\.[cm]?js$/.test(file)) continue;
    const found = referencesIn(await readFile(file, "utf8")).map((reference) => resolve(file, reference));
    for (const next of found) if (next !== undefined) files.add(next); // is then walked, too
  }
  return [...files].sort();
}

/**
 * Every name that a source asks for in one of Node's ways, once for each way; `${process.platform}` and
 * `${process.arch}` inside of a name are those of this process.
 */
export function referencesIn(source: string): Reference[] {
  const found = new Map<string, Reference>();
  for (const { pattern, by } of FORMS)
    for (const [, , text] of source.matchAll(pattern)) {
      const name = text!.replace(/\$\{process\.(platform|arch)\}/g, (_, key: "platform" | "arch") => process[key]);
      found.set(`${by} ${name}`, { name, by });
    }
  return [...found.values()];
}

const QUOTED = String.raw`(["'\`])([^"'\`\n]+)\1`;

const FORMS = [
  { by: "import", pattern: new RegExp(String.raw`\b(?:from|import)\s*${QUOTED}`, "g") },
  { by: "import", pattern: new RegExp(String.raw`\bimport\s*\(\s*${QUOTED}`, "g") },
  { by: "import", pattern: new RegExp(String.raw`\bnew\s+URL\s*\(\s*${QUOTED}\s*,\s*import\.meta\.url`, "g") },
  { by: "require", pattern: new RegExp(String.raw`\brequire(?:\.resolve)?\s*\(\s*${QUOTED}`, "g") },
] as const;

function resolve(file: string, { name, by }: Reference): string | undefined {
  if (isBuiltin(name)) return undefined;
  try {
    if (by === "require") return createRequire(file).resolve(name);
    const found = fileURLToPath(import.meta.resolve(name, pathToFileURL(file)));
    return existsSync(found) ? realpathSync(found) : undefined;
  } catch {
    return undefined;
  }
}

/** Without its flag Node resolves every name from this file, whatever file it is told. */
function expectResolver(): void {
  const elsewhere = pathToFileURL(path.resolve("elsewhere", "file.js"));
  if (import.meta.resolve("./other.js", elsewhere) !== new URL("./other.js", elsewhere).href)
    throw new UsageError("bundle: want node --experimental-import-meta-resolve, got node without it; run make bundle");
}
