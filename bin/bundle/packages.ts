/** The npm packages that files belong to, and under which licence they come. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export type Package = {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Where it is. */
  readonly at: string;
  /** The same from the project's folder, and the name in package-lock.json: `node_modules/...`. */
  readonly folder: string;
  /** Files that have its licence in full; those that name it where there are none. */
  readonly texts: readonly string[];
};

/** The folder of the package that a file below `node_modules` belongs to; undefined for any other file. */
export function packageFolder(file: string): string | undefined {
  const parts = file.split(path.sep);
  const at = parts.lastIndexOf("node_modules");
  if (at < 0) return undefined;
  return parts.slice(0, at + (parts[at + 1]!.startsWith("@") ? 3 : 2)).join(path.sep);
}

/** `node_modules/...`, the outermost, for what lies below one; undefined for anything else. */
export function nameOf(file: string): string | undefined {
  const parts = file.split(path.sep);
  const at = parts.indexOf("node_modules");
  return at < 0 ? undefined : parts.slice(at).join("/");
}

/** Every `package.json` between a file and its package's folder: each may say what kind of modules lie beside it. */
export function manifestsAbove(file: string): string[] {
  const top = packageFolder(file);
  if (top === undefined) return [];
  const found: string[] = [];
  for (let folder = path.dirname(file); folder.startsWith(top); folder = path.dirname(folder)) {
    const manifest = path.join(folder, "package.json");
    if (existsSync(manifest)) found.push(manifest);
  }
  return found;
}

type Manifest = { readonly name: string; readonly version: string; readonly license?: string };

/** What the package in a folder below `node_modules` says of itself. */
export function readPackage(at: string): Package {
  const manifest = JSON.parse(readFileSync(path.join(at, "package.json"), "utf8")) as Manifest;
  const { name, version, license = "not named" } = manifest;
  const files = readdirSync(at).sort();
  const licences = files.filter((file) => /^(licen[cs]e|copying|notice|third)/i.test(file));
  const texts = licences.length > 0 ? licences : files.filter((file) => /^readme/i.test(file));
  return { name, version, license, at, folder: nameOf(at) ?? at, texts };
}
