/** Small projects, and what the parts of a bundle make of them in a Node that can be asked how it resolves names. */
import { mkdir, realpath, writeFile } from "node:fs/promises";
import path from "node:path";
import * as assert from "uvu/assert";
import { run } from "../../../commands/support/spawn.js";
import { inTemporaryFolder } from "../../../support.js";

export const RESOLVER = "--experimental-import-meta-resolve";

/**
 * Writes files from their texts, by their names, and evaluates a script with their folder as `root`.
 * @param flags of Node
 * @returns what the script prints as JSON, the folder's own path in it written as `ROOT`
 */
export const inProject = (
  texts: Readonly<Record<string, string>>,
  script: string,
  flags: readonly string[] = [RESOLVER],
): Promise<unknown> =>
  inTemporaryFolder(async (temporary) => {
    const root = await realpath(temporary);
    for (const [name, text] of Object.entries(texts)) {
      await mkdir(path.dirname(path.join(root, name)), { recursive: true });
      await writeFile(path.join(root, name), text);
    }
    const program = `const root = process.argv[1];\n${script}`;
    const { stdout, stderr } = await run(process.execPath, [...flags, "--input-type=module", "--eval", program, root]);
    assert.is(stderr, "");
    return JSON.parse(stdout.replaceAll(root, "ROOT")) as unknown;
  });

/** Source text that imports a part of `bin/bundle`. */
export const importPart = (exported: string, file: string): string =>
  `import { ${exported} } from ${JSON.stringify(new URL(`../../../../bin/bundle/${file}`, import.meta.url).href)};`;
