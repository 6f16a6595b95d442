/** What goes into a bundle: all that `vitvq` can load, the licences of it, and data to try it on. */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { moduleGraph } from "./moduleGraph.js";
import { expectPortable } from "./natives.js";
import { manifestsAbove, nameOf, type Package, packageFolder, readPackage } from "./packages.js";

export type Contents = {
  /** Where files come from, by where they go, relative to the bundle's folder. */
  readonly files: ReadonlyMap<string, string>;
  readonly packages: readonly Package[];
  /** Shared objects among the files. */
  readonly natives: readonly string[];
};

const ENTRY = "dist/bin/vitvq.js";

/** Files that packages read under names which they put together. */
const READ_BY_NAME = ["yargs/locales/en.json", "@img/sharp-libvips-linux-x64/versions.json"];

const TEXTS_AND_DATA = [
  ...["package.json", "README.md", "CHANGELOG.md", "LICENSE", "docs", "bench/README.md"],
  ...["fixtures/README.md", "fixtures/emoji-mini", "fixtures/fashion-mnist-mini", "fixtures/photos-mini"],
];

/**
 * Gathers what a built project needs to run.
 * @param root folder of package.json, dist and node_modules
 * @throws UsageError when it is not built, or a native part is linked with what other machines lack
 */
export async function contentsOf(root: string): Promise<Contents> {
  const entry = path.join(root, ENTRY);
  if (!existsSync(entry)) throw new UsageError(`bundle: want a built project, got no ${entry}; run make build`);
  const modules = realpathSync(path.join(root, "node_modules"));
  const loaded = await moduleGraph(entry);
  const natives = await withLibraries(
    loaded.filter((file) => file.endsWith(".node")),
    modules,
  );
  const needed = [...loaded, ...natives, ...READ_BY_NAME.map((name) => path.join(modules, name))];
  const packages = [...new Set(needed.flatMap((file) => packageFolder(file) ?? []))].sort().map(readPackage);
  expectProduction(packages, root);
  const texts = await Promise.all(TEXTS_AND_DATA.map((name) => filesOf(path.join(root, name))));
  const all = [
    ...needed.flatMap((file) => [file, ...manifestsAbove(file)]),
    ...loaded.filter((file) => packageFolder(file) === undefined).map((file) => `${file}.map`), // small; for --debug
    ...packages.flatMap(({ at, texts }) => texts.map((text) => path.join(at, text))),
    ...texts.flat(),
  ];
  const target = (file: string) => nameOf(file) ?? path.relative(realpathSync(root), file);
  return { files: new Map(all.map((file) => [target(file), file])), packages, natives };
}

/** Native parts, and what of `folder` they are linked with. */
async function withLibraries(natives: readonly string[], folder: string): Promise<string[]> {
  const libraries = await Promise.all(natives.map((file) => expectPortable(file, folder)));
  return [...new Set([...natives, ...libraries.flat()])].sort();
}

type Lock = { readonly packages: Readonly<Record<string, { readonly dev?: boolean } | undefined>> };

/** @throws Error when a package is for development alone, or package-lock.json does not know it */
function expectProduction(packages: readonly Package[], root: string): void {
  const lock = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")) as Lock;
  const odd = packages.find(({ folder }) => lock.packages[folder]?.dev ?? !lock.packages[folder]);
  if (odd)
    throw new Error(`bundle: vitvq loads ${odd.folder}, which package-lock.json does not install for production`);
}

/** Real paths of a file, or of all files in a folder and below. */
async function filesOf(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => undefined);
  const files = entries?.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return (files ?? [place]).map((file) => realpathSync(file));
}
