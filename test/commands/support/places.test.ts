import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectFilePlace, expectFolderPlace } from "../../../commands/support/places.js";
import { inTemporaryFolder } from "../../support.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/places");

const [kept, forced] = [{ force: false }, { force: true }];

test("a file that is there is kept unless forced, and the error names flag and file", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "there.json");
    await expectFilePlace("--out", file, kept);
    await writeFile(file, "mine");
    assert.match(await refusal(() => expectFilePlace("--out", file, kept)), /^--out: .*there\.json exists; --force/);
    await expectFilePlace("--out", file, forced);
    await expectFilePlace("--out", undefined, kept);
  }));

test("a folder that is not empty is kept unless forced, or for the sake of the names in it alone", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "out");
    await expectFolderPlace("--out", out, kept);
    await mkdir(out);
    await expectFolderPlace("--out", out, kept);
    await writeFile(path.join(out, "a.json"), "mine");
    const refused = await refusal(() => expectFolderPlace("--out", out, { ...kept, what: "the probe in it" }));
    assert.match(refused, /^--out: .*out is not empty; --force replaces the probe in it, or name another folder$/);
    await expectFolderPlace("--out", out, forced);
    await expectFolderPlace("--out", out, { ...kept, names: ["b.json"] });
    const taken = await refusal(() => expectFolderPlace("--out", out, { ...kept, names: ["b.json", "a.json"] }));
    assert.match(taken, /a\.json exists; --force replaces it, or name another folder$/);
    await expectFolderPlace("--out", undefined, kept);
  }));

test("a folder is no file and a file no folder, forced or not", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "file");
    await writeFile(file, "mine");
    for (const leave of [kept, forced]) {
      assert.match(
        await refusal(() => expectFilePlace("--out", folder, leave)),
        /^--out: .* is a folder; name a file$/,
      );
      assert.match(await refusal(() => expectFolderPlace("--out", file, leave)), /file is a file; name a folder$/);
      for (const expectPlace of [expectFilePlace, expectFolderPlace])
        assert.match(
          await refusal(() => expectPlace("--out", path.join(file, "in", "it"), leave)),
          /^--out: .*file is a file, and would have to be a folder; name another place$/,
        );
      const names = [path.basename(folder)];
      const inside = await refusal(() => expectFolderPlace("--out", path.dirname(folder), { ...leave, names }));
      assert.match(inside, /is a folder; name another folder$/);
    }
  }));

const root = process.getuid?.() === 0;

(root ? test.skip : test)(`a folder without permission is told at once${root ? " (skipped: root may all)" : ""}`, () =>
  inTemporaryFolder(async (folder) => {
    await chmod(folder, 0o500);
    for (const expectPlace of [expectFilePlace, expectFolderPlace])
      assert.match(
        await refusal(() => expectPlace("--out", path.join(folder, "new", "place"), kept)),
        /^--out: nothing can be written in .* \(EACCES\); name another place$/,
      );
  }),
);

test.run();
