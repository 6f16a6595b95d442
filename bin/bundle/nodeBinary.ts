/** The Node that goes along: the one that runs this, without symbols, with its licence. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UsageError } from "../../lib/errors.js";

const run = promisify(execFile);

/**
 * Requires this process to be what the bundle is for.
 * @throws UsageError on any other system, processor or C library
 */
export function expectLinuxX64({ platform, arch }: Pick<NodeJS.Process, "platform" | "arch"> = process): void {
  if (platform === "linux" && arch === "x64") return;
  throw new UsageError(`bundle: want Node for linux x64, got ${platform} ${arch}; make the bundle on such a machine`);
}

/**
 * Where the licence of an installed Node is: nodejs.org's archives, nvm and Docker's images have it above the binary,
 * packages among the system's documents.
 * @throws UsageError when it is in none of these places
 */
export function licenceOf(node: string): string {
  const prefix = path.dirname(path.dirname(node));
  const places = ["LICENSE", "share/doc/nodejs/LICENSE", "share/doc/node/LICENSE", "share/licenses/nodejs/LICENSE"];
  const found = places.map((place) => path.join(prefix, place)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new UsageError(
    `bundle: want the licence of ${node}, got none at ${places.join(", ")} below ${prefix}; take Node from nodejs.org`,
  );
}

/**
 * Copies a Node to `to` without its symbols where `strip` is here and what it leaves still runs.
 * @returns whether symbols were stripped
 */
export async function copyNode(node: string, to: string): Promise<boolean> {
  try {
    await run("strip", ["-o", to, node]);
    const { stdout } = await run(to, ["-p", "process.version"], { env: {} });
    if (stdout.trim() === process.version) return true;
  } catch {
    // No strip, or one that leaves something broken: Node as it is will do.
  }
  await rm(to, { force: true });
  await copyFile(node, to);
  return false;
}
