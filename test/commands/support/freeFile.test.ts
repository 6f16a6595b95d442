import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import { expectNoFile } from "../../../commands/support/freeFile.js";
import { UsageError } from "../../../lib/errors.js";
import { expectThrow, inTemporaryFolder } from "../../support.js";

const test = suite("commands/support/freeFile");

test("a file that is there is kept unless forced, and the error names flag and file", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "there.json");
    expectNoFile("--out", file, false);
    await writeFile(file, "mine");
    expectThrow(() => expectNoFile("--out", file, false), UsageError, /^--out: .*there\.json exists; --force/);
    expectNoFile("--out", file, true);
    expectNoFile("--out", undefined, false);
  }));

test.run();
