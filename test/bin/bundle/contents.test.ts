import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importPart, inProject } from "./support/project.js";

const test = suite("bin/bundle/contents");

const LIBVIPS = "node_modules/@img/sharp-libvips-linux-x64";

/** Manifest of a package, and of its entry in package-lock.json. */
const some = '{ "name": "some", "version": "1.0.0", "main": "main.js" }';

const project = (lock: object, texts: Readonly<Record<string, string>>) => ({
  "package.json": '{ "name": "vitvq", "type": "module" }',
  "package-lock.json": JSON.stringify({
    packages: { "": {}, "node_modules/yargs": {}, [LIBVIPS]: { optional: true }, ...lock },
  }),
  "dist/bin/vitvq.js": 'import "../lib/a.js";',
  "dist/lib/a.js": 'import "some";',
  "dist/lib/unused.js": "",
  "node_modules/yargs/package.json": '{ "name": "yargs", "version": "18.0.0" }',
  "node_modules/yargs/LICENSE": "",
  "node_modules/yargs/locales/en.json": "{}",
  [`${LIBVIPS}/package.json`]: '{ "name": "@img/sharp-libvips-linux-x64", "version": "1.0.0" }',
  [`${LIBVIPS}/README.md`]: "",
  [`${LIBVIPS}/versions.json`]: "{}",
  "node_modules/some/package.json": some,
  "node_modules/some/main.js": "",
  "node_modules/some/main.js.map": "",
  "fixtures/emoji-mini/train/a.png": "",
  "fixtures/golden/b": "",
  ...texts,
});

/** Files and packages by `contentsOf`, or what it throws; what is always asked for is there. */
const contentsOf = async (texts: Readonly<Record<string, string>>) => {
  const fixed = ["README.md", "CHANGELOG.md", "LICENSE", "docs/a.md", "bench/README.md", "fixtures/README.md"];
  const data = ["fixtures/fashion-mnist-mini/c.gz", "fixtures/photos-mini/d.jpg"];
  const always = Object.fromEntries([...fixed, ...data].map((name) => [name, ""]));
  const script = `${importPart("contentsOf", "contents.js")}
    const { files, packages, natives } = await contentsOf(root).catch((error) => ({ packages: error.message, files: [] }));
    console.log(JSON.stringify({ files: [...files], packages, natives }));`;
  return (await inProject({ ...always, ...texts }, script)) as {
    files: [to: string, from: string][];
    packages: { folder: string; texts: string[] }[] | string;
    natives: string[];
  };
};

test("what can be loaded goes along with manifests, licences and data, each to where it was", async () => {
  const { files, packages, natives } = await contentsOf(project({ "node_modules/some": {} }, {}));
  const own = ["dist/bin/vitvq.js", "dist/bin/vitvq.js.map", "dist/lib/a.js", "dist/lib/a.js.map"];
  const data = ["emoji-mini/train/a.png", "fashion-mnist-mini/c.gz", "photos-mini/d.jpg", "README.md"];
  const wanted = [
    ...["CHANGELOG.md", "LICENSE", "README.md", "docs/a.md", "bench/README.md", "package.json", ...own],
    ...data.map((name) => `fixtures/${name}`),
    ...[`${LIBVIPS}/README.md`, `${LIBVIPS}/package.json`, `${LIBVIPS}/versions.json`],
    ...["node_modules/some/main.js", "node_modules/some/package.json"],
    ...["LICENSE", "locales/en.json", "package.json"].map((name) => `node_modules/yargs/${name}`),
  ];
  assert.equal(files.map(([to]) => to).sort(), wanted.sort());
  for (const [to, from] of files) assert.is(from, `ROOT/${to}`);
  const folders = (packages as { folder: string }[]).map(({ folder }) => folder);
  assert.equal([folders, natives], [[LIBVIPS, "node_modules/some", "node_modules/yargs"], []]);
});

test("a package for development alone is refused, and so is one that the lock does not know", async () => {
  const message = "bundle: vitvq loads node_modules/some, which package-lock.json does not install for production";
  assert.is((await contentsOf(project({ "node_modules/some": { dev: true } }, {}))).packages, message);
  assert.is((await contentsOf(project({}, {}))).packages, message);
});

test("a project that is not built is refused", async () => {
  const { packages } = await contentsOf({ "package.json": "{}" });
  assert.is(packages, "bundle: want a built project, got no ROOT/dist/bin/vitvq.js; run make build");
});

test.run();
