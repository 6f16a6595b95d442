import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectNoFile } from "../../../commands/support/freeFile.js";
import { UsageError } from "../../../lib/errors.js";
import { inTemporaryFolder } from "../../support.js";

const test = suite("commands/support/freeFile");

test("a file that is there is kept unless forced, and the error names flag and file", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "there.json");
    expectNoFile("--out", file, false);
    await writeFile(file, "mine");
    assert.throws(
      () => expectNoFile("--out", file, false),
      (error: Error) => error instanceof UsageError && /^--out: .*there\.json exists; --force/.test(error.message),
    );
    expectNoFile("--out", file, true);
    expectNoFile("--out", undefined, false);
  }));

test.run();
