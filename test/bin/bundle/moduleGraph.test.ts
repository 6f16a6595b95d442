import { suite } from "uvu";
import * as assert from "uvu/assert";
import { referencesIn } from "../../../bin/bundle/moduleGraph.js";
import { importPart, inProject, RESOLVER } from "./support/project.js";

const test = suite("bin/bundle/moduleGraph");

const script = `${importPart("moduleGraph", "moduleGraph.js")}
console.log(JSON.stringify(await moduleGraph(root + "/main.js").catch((error) => error.message)));`;

/** What `moduleGraph` gives for `main.js` among these files. */
const graphOf = (texts: Readonly<Record<string, string>>, flags: readonly string[] = [RESOLVER]): Promise<unknown> =>
  inProject(texts, script, flags);

const inRoot = (...files: string[]): string[] => files.map((file) => `ROOT/${file}`);

test("a source's references are found in all of their forms, each once", () => {
  const source = `
    import { a } from "from-1"; import"bare-2";
    import { b,
      c } from 'from-3';
    export * from "export-4"; const d = await import("dynamic-5"); import data from "./data.json" with { type: "json" };
    const e = require("require-6"), f = require.resolve( 'resolve-7' ), g = require("require-6");
    const h = new URL("./url-8.js", import.meta.url), i = new URL("http://localhost", base);
    const j = require(\`../\${process.platform}/\${process.arch}/native-9.node\`);
    const k = required("none"), l = import(variable);`;
  const imported = ["from-1", "bare-2", "from-3", "export-4", "./data.json", "dynamic-5", "./url-8.js"];
  const required = ["require-6", "resolve-7", `../${process.platform}/${process.arch}/native-9.node`];
  const references = referencesIn(source);
  const names = (by: string) => references.filter((reference) => reference.by === by).map(({ name }) => name);
  assert.equal([names("import").sort(), names("require").sort()], [imported.sort(), required.sort()]);
});

test("the graph has what can be reached, as Node resolves it, and nothing else", async () => {
  const found = await graphOf({
    "package.json": '{ "type": "module", "imports": { "#own": "./own.js" } }',
    "main.js": 'import "both"; import "./circle.js"; import "#own"; import "node:fs"; import "fs"; import "absent";',
    "circle.js": 'import "./main.js"; const late = () => import("./lazy.js");',
    "own.js": "",
    "lazy.js": 'import { createRequire } from "node:module"; createRequire(import.meta.url); require("both/data");',
    "unused.js": 'import "unused";',
    "node_modules/unused/index.js": "",
    "node_modules/both/package.json":
      '{ "exports": { ".": { "import": "./esm.mjs", "require": "./cjs.cjs" }, "./data": "./data.json" } }',
    "node_modules/both/esm.mjs": "",
    "node_modules/both/cjs.cjs": "",
    "node_modules/both/data.json": "{}",
  });
  const modules = ["node_modules/both/data.json", "node_modules/both/esm.mjs"];
  assert.equal(found, inRoot("circle.js", "lazy.js", "main.js", ...modules, "own.js"));
});

test("require has its own file of a package, and index files", async () => {
  const found = await graphOf({
    "main.js": 'require("both"); require("./folder");',
    "folder/index.js": 'require("./data")',
    "folder/data.json": "{}",
    "node_modules/both/package.json": '{ "exports": { "import": "./esm.mjs", "require": "./cjs.cjs" } }',
    "node_modules/both/esm.mjs": "",
    "node_modules/both/cjs.cjs": "",
  });
  assert.equal(found, inRoot("folder/data.json", "folder/index.js", "main.js", "node_modules/both/cjs.cjs"));
});

test("a Node that cannot be asked is refused", async () => {
  assert.match(
    (await graphOf({ "main.js": "" }, [])) as string,
    /^bundle: want node --experimental-.*; run make bundle$/,
  );
});

test.run();
