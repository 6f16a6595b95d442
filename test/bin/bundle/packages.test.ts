import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { manifestsAbove, nameOf, packageFolder, readPackage } from "../../../bin/bundle/packages.js";
import { inTemporaryFolder } from "../../support.js";

const test = suite("bin/bundle/packages");

test("a file belongs to the innermost package, scoped or not", () => {
  assert.is(packageFolder("/a/node_modules/b/c/d.js"), "/a/node_modules/b");
  assert.is(packageFolder("/a/node_modules/@b/c/d.js"), "/a/node_modules/@b/c");
  assert.is(packageFolder("/a/node_modules/b/node_modules/c/d.js"), "/a/node_modules/b/node_modules/c");
  assert.is(packageFolder("/a/lib/d.js"), undefined);
  assert.is(nameOf("/a/node_modules/b/node_modules/c/d.js"), "node_modules/b/node_modules/c/d.js");
  assert.is(nameOf("/a/lib/d.js"), undefined);
});

/** Runs `body` with a package of these files. */
const withPackage = (files: Readonly<Record<string, string>>, body: (folder: string) => void): Promise<void> =>
  inTemporaryFolder(async (temporary) => {
    const folder = path.join(temporary, "node_modules", "some");
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    body(folder);
  });

test("each package.json between a file and its package's folder is found, and none above", () =>
  withPackage({ "package.json": "{}", "esm/package.json": "{}", "esm/deep/a.js": "" }, (folder) => {
    const found = manifestsAbove(path.join(folder, "esm", "deep", "a.js"));
    assert.equal(found, [path.join(folder, "esm", "package.json"), path.join(folder, "package.json")]);
    assert.equal(manifestsAbove("/a/lib/d.js"), []);
  }));

test("a package's texts are those of its licence", () =>
  withPackage(
    {
      "package.json": '{ "name": "some", "version": "1.2.3", "license": "ISC" }',
      ...{ "readme.md": "", licence: "", "LICENSE-MIT.txt": "", NOTICE: "", ThirdPartyNotices: "", "index.js": "" },
    },
    (folder) => {
      const texts = ["LICENSE-MIT.txt", "NOTICE", "ThirdPartyNotices", "licence"];
      const known = { name: "some", version: "1.2.3", license: "ISC", folder: "node_modules/some" };
      assert.equal(readPackage(folder), { ...known, at: folder, texts });
    },
  ));

test("where a package has no licence in full, its readme stands in", () =>
  withPackage({ "package.json": '{ "name": "some", "version": "1.0.0" }', "README.md": "" }, (folder) => {
    const { license, texts } = readPackage(folder);
    assert.equal([license, texts], ["not named", ["README.md"]]);
  }));

test.run();
