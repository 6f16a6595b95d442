import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { readConfig } from "../../lib/files/runConfig.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("runConfig");

test("a config comes back as it was stored", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeFile(path.join(folder, "config.json"), '{"command":"train-vq","model":{"dim":64}}');
    assert.equal(await readConfig(folder), { command: "train-vq", model: { dim: 64 } });
  });
});

test("folders without a config, and files that are none, are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "config.json");
    await expectRejection(readConfig(folder), FileError, /not a run directory: it has no config\.json/);
    for (const text of ["[]", "null", "3", "{}", '{"command":3}']) {
      await writeFile(file, text);
      await expectRejection(
        readConfig(folder),
        FileError,
        /config\.json: not the config of a run: it names no command/,
      );
    }
    await writeFile(file, '{"command":"tr');
    await expectRejection(readConfig(folder), FileError, /config\.json: damaged: not JSON/);
    await mkdir(path.join(folder, "odd", "config.json"), { recursive: true });
    await expectRejection(readConfig(path.join(folder, "odd")), FileError, /config\.json: cannot be read/);
  });
});

test.run();
