/**
 * Writes vitvq, its dependencies and the Node that runs this into one archive, for machines with neither network nor Node.
 *
 *     node --experimental-import-meta-resolve dist/bin/bundle.js [--out dist] [--uncompressed]
 *
 * Prints the archive's path; unpacked, its folder has a `vitvq` to call. Refuses an archive above 60 MB, and all that would
 * not run elsewhere.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { version } from "../commands/support/version.js";
import { UsageError } from "../lib/errors.js";
import { temporaryName } from "../lib/files/atomic.js";
import { formatBytes, formatInteger } from "../lib/ui/format.js";
import { fill } from "./bundle/fill.js";
import { expectLinuxX64 } from "./bundle/nodeBinary.js";
import { pack, sizeWithin } from "./bundle/pack.js";

const LIMIT = 60e6; // bytes; 46.5e6 with Node 20, ONNX Runtime 1.30 and sharp 0.35

const root = fileURLToPath(new URL("../..", import.meta.url));

const { values } = parseArgs({
  options: {
    out: { type: "string", default: path.join(root, "dist") },
    uncompressed: { type: "boolean", default: false },
  },
});

try {
  process.stdout.write(`${await bundle(values.out, values.uncompressed)}\n`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}

/** Makes the archive in `out` and returns its path. */
async function bundle(out: string, uncompressed: boolean): Promise<string> {
  expectLinuxX64();
  const name = `vitvq-${version()}-linux-x64`;
  const archive = path.join(out, `${name}.tar${uncompressed ? "" : ".xz"}`);
  const workshop = temporaryName(archive);
  try {
    const folder = path.join(workshop, name);
    const { files, packages, stripped, symbols } = await fill(folder, { root, node: process.execPath });
    say(`bundle: Node ${process.versions.node}, ${packages} packages, ${formatInteger(files)} files`);
    if (!stripped) say("bundle: strip is not here or spoils this Node, so it keeps its symbols");
    say(`bundle: needs glibc ${symbols.GLIBC}, and libstdc++ with GLIBCXX_${symbols.GLIBCXX}`);
    if (!uncompressed) say("bundle: xz takes a minute or more");
    await pack(folder, archive, uncompressed ? undefined : "xz -T2");
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  say(`bundle: ${formatBytes(await sizeWithin(archive, uncompressed ? Number.POSITIVE_INFINITY : LIMIT))}`);
  return archive;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
