/** Lays a bundle out in a folder: Node, the program, a script that starts one with the other, and what is in here. */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Contents, contentsOf } from "./contents.js";
import { expectPortable, newestSymbols, type SymbolVersions } from "./natives.js";
import { copyNode, licenceOf } from "./nodeBinary.js";
import type { Package } from "./packages.js";

export type Filled = {
  readonly files: number;
  readonly packages: number;
  /** Whether Node lost its symbols. */
  readonly stripped: boolean;
  readonly symbols: SymbolVersions;
};

/** Finds its own folder behind links, with what any shell has and `readlink`. */
const LAUNCHER = `#!/bin/sh
# Runs vitvq with the Node beside it, from wherever this folder lies and through whatever links it is called.
self=$(readlink -f -- "$0") || exit
exec "\${self%/*}/node/node" "\${self%/*}/dist/bin/vitvq.js" "$@"
`;

/**
 * Fills a folder, which is made once it is known that all is here.
 * @param root folder of package.json, dist and node_modules
 * @param node the Node to put in
 * @throws UsageError when the project is not built, or Node or a native part could not run on another machine
 */
export async function fill(folder: string, { root, node }: { root: string; node: string }): Promise<Filled> {
  await expectPortable(node);
  const contents = await contentsOf(root);
  const files = new Map([...contents.files, ["node/LICENSE", licenceOf(node)]]);
  for (const [to, from] of files) {
    await mkdir(path.dirname(path.join(folder, to)), { recursive: true });
    await copyFile(from, path.join(folder, to));
  }
  const stripped = await copyNode(node, path.join(folder, "node", "node"));
  await writeFile(path.join(folder, "vitvq"), LAUNCHER, { mode: 0o755 });
  const symbols = await newestSymbols([node, ...contents.natives]);
  await writeFile(path.join(folder, "CONTENTS.md"), inventory(contents, symbols));
  const own = ["node", "vitvq", "CONTENTS.md"].length; // made here
  return { files: files.size + own, packages: contents.packages.length, stripped, symbols };
}

function inventory({ packages }: Contents, { GLIBC, GLIBCXX }: SymbolVersions): string {
  return `# What is in here

vitvq with all that it needs on Linux x64: glibc ${GLIBC} or newer and a libstdc++ with GLIBCXX_${GLIBCXX} are the system's.
Its own licence is in \`LICENSE\`, that of the images in \`fixtures/README.md\`.

| | version | licence | text |
| --- | --- | --- | --- |
| [Node.js](https://nodejs.org) | ${process.versions.node} | MIT, and those of its parts | \`node/LICENSE\` |
${packages.map(row).join("\n")}
`;
}

function row({ name, version, license, texts, folder }: Package): string {
  const files = texts.map((text) => `\`${folder}/${text}\``).join(", ");
  return `| [${name}](https://www.npmjs.com/package/${name}) | ${version} | ${license} | ${files || "named in its package.json"} |`;
}
