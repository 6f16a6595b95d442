import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyNode, expectLinuxX64, licenceOf } from "../../../bin/bundle/nodeBinary.js";
import { UsageError } from "../../../lib/errors.js";
import { expectThrow, inTemporaryFolder } from "../../support.js";
import { withTools } from "./support/tools.js";

const test = suite("bin/bundle/nodeBinary");

test("other systems and processors are refused", () => {
  expectLinuxX64({ platform: "linux", arch: "x64" });
  const refused = (platform: NodeJS.Platform, arch: NodeJS.Architecture, pattern: RegExp) =>
    expectThrow(() => expectLinuxX64({ platform, arch }), UsageError, pattern);
  refused("darwin", "x64", /^bundle: want Node for linux x64, got darwin x64; make/);
  refused("linux", "arm64", /got linux arm64/);
});

test("Node's licence is found above the binary or among the system's documents", () =>
  inTemporaryFolder(async (folder) => {
    const node = path.join(folder, "bin", "node");
    expectThrow(() => licenceOf(node), UsageError, /got none at LICENSE, share\/doc/);
    const documents = path.join(folder, "share", "doc", "nodejs");
    await mkdir(documents, { recursive: true });
    await writeFile(path.join(documents, "LICENSE"), "");
    assert.is(licenceOf(node), path.join(documents, "LICENSE"));
    await writeFile(path.join(folder, "LICENSE"), "");
    assert.is(licenceOf(node), path.join(folder, "LICENSE"));
  }));

/** What `copyNode` makes of a script that answers like Node, where `strip` does this. */
const copied = (strip: Readonly<Record<string, string>>) =>
  inTemporaryFolder(async (folder) => {
    const [node, to] = [path.join(folder, "node"), path.join(folder, "copy")];
    await writeFile(node, `#!/bin/sh\n# symbols\necho ${process.version}\n`, { mode: 0o755 });
    const stripped = await withTools(strip, () => copyNode(node, to));
    return { stripped, same: (await readFile(to, "utf8")) === (await readFile(node, "utf8")) };
  });

test("Node loses its symbols where that leaves it whole", async () => {
  const strip = '/bin/sed /symbols/d "$3" > "$2"; /bin/chmod 755 "$2"';
  assert.equal(await copied({ strip }), { stripped: true, same: false });
});

test("Node stays as it is without strip, or where strip spoils it", async () => {
  assert.equal(await copied({}), { stripped: false, same: true });
  assert.equal(await copied({ strip: 'echo spoilt > "$2"' }), { stripped: false, same: true });
  const other = 'echo "#!/bin/sh\necho v1.0.0" > "$2"; /bin/chmod 755 "$2"';
  assert.equal(await copied({ strip: other }), { stripped: false, same: true });
});

test.run();
