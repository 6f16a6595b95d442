import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readConfigFile } from "../../../commands/support/configFile.js";
import type { OptionTable } from "../../../commands/support/options.js";
import { inTemporaryFolder } from "../../support.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/configFile");

const options = {
  batchSize: { type: "number", describe: "Images a step" },
  betas: { type: "numbers", describe: "Rates" },
  activation: { type: "string", describe: "Function" },
} as const satisfies OptionTable;

/** Calls `body` with a file of this text. */
const withFile = <T>(text: string, name: string, body: (file: string) => Promise<T>): Promise<T> =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, name);
    await writeFile(file, text);
    return body(file);
  });

const read = (text: string, name = "run.yaml") => withFile(text, name, (file) => readConfigFile(file, options));

/** The message with which the file is refused, without its folder. */
const refused = (text: string, name = "run.yaml") =>
  withFile(text, name, async (file) => {
    const message = await refusal(() => readConfigFile(file, options));
    return message.replaceAll(path.dirname(file) + path.sep, "");
  });

test("YAML and JSON give the same values, in either case style", async () => {
  const values = { batchSize: 16, betas: [0.9, 1e-4], activation: "tanh" };
  assert.equal(await read("batchSize: 16\nbetas: [0.9, 1e-4] # two\nactivation: tanh\n"), values);
  assert.equal(await read("batch-size: 16\nbetas:\n  - 0.9\n  - 1e-4\nactivation: tanh\n"), values);
  assert.equal(await read('{"batch-size": 16, "betas": [0.9, 1e-4], "activation": "tanh"}', "run.json"), values);
});

test("an empty file sets nothing", async () => {
  assert.equal(await read("# nothing yet\n"), {});
});

test("an unknown key is answered with the file and the nearest name", async () => {
  assert.is(await refused("batchsize: 3\n"), "run.yaml: unknown key batchsize; did you mean batchSize?");
  assert.is(await refused("constructor: 3\n"), "run.yaml: unknown key constructor");
});

test("a key may stand there once, in one style or the other", async () => {
  assert.is(
    await refused("batchSize: 1\nbatch-size: 2\n"),
    "run.yaml: batchSize stands there twice (also as batch-size)",
  );
  assert.is(
    await refused("betas: [1]\nbetas: [2]\n"),
    "run.yaml: not valid YAML: Map keys must be unique at line 2, column 1",
  );
});

test("what is no mapping is refused", async () => {
  assert.is(await refused("- batchSize\n"), "run.yaml: want a mapping of option names to values, got a list");
  assert.is(await refused("7", "run.json"), "run.json: want a mapping of option names to values, got number");
});

test("malformed files are named with the place", async () => {
  assert.match(await refused("betas: [1\n"), /^run\.yaml: not valid YAML: .* at line 2, column 1$/);
  assert.match(await refused("{batchSize: 3}", "run.json"), /^run\.json: not valid JSON: /);
});

test("a mark of UTF-8 at the beginning is no part of the file", () =>
  inTemporaryFolder(async (folder) => {
    for (const [name, text] of [
      ["run.json", '{"batchSize": 3}'],
      ["run.yaml", "batchSize: 3\n"],
    ] as const) {
      await writeFile(path.join(folder, name), `\uFEFF${text}`);
      assert.equal(await readConfigFile(path.join(folder, name), options), { batchSize: 3 });
    }
  }));

test("a missing file is an error of usage that names it", async () => {
  const message = await refusal(() => readConfigFile("/nowhere/run.yaml", options));
  assert.match(message, /^--config: cannot read \/nowhere\/run\.yaml: ENOENT/);
});

test.run();
