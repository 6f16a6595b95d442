import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pack, sizeWithin } from "../../../bin/bundle/pack.js";
import { UsageError } from "../../../lib/errors.js";
import { run } from "../../commands/support/spawn.js";
import { namesIn } from "../../files/support.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { withTools } from "./support/tools.js";

const test = suite("bin/bundle/pack");

/** A folder of the same two files at every call, made at another time and in another order. */
async function content(parent: string, seconds: number, ...names: string[]): Promise<string> {
  const folder = path.join(parent, "a b");
  await mkdir(folder, { recursive: true });
  for (const name of names) {
    await writeFile(path.join(folder, name), name, { mode: name === "run" ? 0o700 : 0o600 });
    await utimes(path.join(folder, name), seconds, seconds);
  }
  return folder;
}

test("equal folders give equal archives, whose files all may read", () =>
  inTemporaryFolder(async (folder) => {
    const [first, second] = [path.join(folder, "1.tar.gz"), path.join(folder, "2.tar.gz")];
    await pack(await content(path.join(folder, "1"), 1e9, "run", "text"), first, "gzip -n");
    await pack(await content(path.join(folder, "2"), 1.1e9, "text", "run"), second, "gzip -n");
    assert.ok((await readFile(first)).equals(await readFile(second)));
    const { stdout } = await run("tar", ["-tvzf", first]);
    const listed = stdout.trim().split("\n");
    assert.equal(
      listed.map((line) => [line.split(" ")[0], line.split(/\d\d:\d\d /)[1]]),
      [
        ["drwxr-xr-x", "a b/"],
        ["-rwxr-xr-x", "a b/run"],
        ["-rw-r--r--", "a b/text"],
      ],
    );
  }));

test("a compressor that fails leaves no archive behind, and neither does a missing tar", () =>
  inTemporaryFolder(async (folder) => {
    const made = await content(folder, 1e9, "text");
    const failing = pack(made, path.join(folder, "x.tar"), "false");
    await expectRejection(failing, UsageError, /^bundle: tar: .*; want GNU tar and xz/s);
    const without = withTools({}, () => pack(made, path.join(folder, "x.tar")));
    await expectRejection(without, UsageError, /^bundle: tar: .*ENOENT/);
    assert.equal(await namesIn(folder), ["a b"]);
  }));

test("an archive above the limit is refused with both sizes, and removed", () =>
  inTemporaryFolder(async (folder) => {
    const archive = path.join(folder, "x.tar.xz");
    await writeFile(archive, new Uint8Array(2000));
    assert.is(await sizeWithin(archive, 2000), 2000);
    await expectRejection(sizeWithin(archive, 1999), UsageError, /x\.tar\.xz: want at most 2\.0 kB, got 2\.0 kB;/);
    assert.equal(await namesIn(folder), []);
  }));

test.run();
