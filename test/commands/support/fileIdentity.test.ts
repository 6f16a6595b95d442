import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileIdentity } from "../../../commands/support/fileIdentity.js";
import { inTemporaryFolder } from "../../support.js";

const test = suite("commands/support/fileIdentity");

// FIPS 180-2, appendix B.1
const OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("a file is known by the beginning of its hash, whatever it is called", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "weights.pth");
    await writeFile(file, "abc");
    assert.equal(await fileIdentity(file, "ba7816bf"), { file: "weights.pth", sha256: OF_ABC, known: true });
    assert.is((await fileIdentity(file, "ba7816be")).known, false);
  }));

test.run();
