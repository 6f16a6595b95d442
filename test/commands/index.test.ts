import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../commands/index.js";
import type { CommandEntry } from "../../commands/support/program.js";
import { inTemporaryFolder, projectRoot } from "../support.js";
import { run } from "./support/spawn.js";

const test = suite("commands/index");

const entries = Object.entries<CommandEntry>(commands);
const binary = path.join(projectRoot, "dist", "bin", "vitvq.js");
const recorder = pathToFileURL(fileURLToPath(new URL("./support/recordLoads.js", import.meta.url))).href;

for (const [name, entry] of entries)
  test(`${name} loads under its own name and description, and its examples call it`, async () => {
    const command = await entry.load();
    assert.is(command.command.split(" ")[0], name);
    assert.is(command.describe, entry.describe);
    const examples = command.help().split("\nExamples\n")[1] ?? assert.unreachable("no examples");
    for (const line of examples!.split("\n").filter((text) => /^ {2}\S/.test(text)))
      assert.ok(line.startsWith(`  vitvq ${name}`), line);
  });

test("help loads neither engines nor image library nor yargs", async () => {
  for (const args of [["--help"], ...entries.map(([name]) => [name, "--help"])]) {
    const loaded = await loadedBy(args);
    assert.ok(loaded.length > 0, "the recorder works");
    assert.equal(loaded.filter(isHeavy), [], `vitvq ${args.join(" ")}`);
  }
});

test("help answers within 150 ms where Node itself starts quickly, else in proportion", async () => {
  const [bare, help] = [
    ["-e", "0"],
    [binary, "--help"],
  ] as const;
  const best = { bare: Infinity, help: Infinity };
  for (let i = 0; i < 5; i++) {
    best.bare = Math.min(best.bare, await milliseconds(bare));
    best.help = Math.min(best.help, await milliseconds(help));
  }
  const allowed = Math.max(150, 2.5 * best.bare);
  assert.ok(best.help < allowed, `took ${best.help} ms, allowed ${allowed}; Node alone ${best.bare}`);
});

async function milliseconds(args: readonly string[]): Promise<number> {
  const started = performance.now();
  await run(process.execPath, args);
  return performance.now() - started;
}

/** URLs of all modules that a command line loads. */
const loadedBy = (args: readonly string[]): Promise<string[]> =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "loads");
    const { status } = await run(process.execPath, ["--import", recorder, binary, ...args], {
      env: { LOADS_FILE: file },
    });
    assert.is(status, 0);
    return (await readFile(file, "utf8")).trim().split("\n");
  });

const isHeavy = (url: string): boolean =>
  ["@tensorflow", "onnxruntime-node", "sharp", "yargs", "yaml", "ora"].some((name) =>
    url.includes(`/node_modules/${name}/`),
  ) || url.includes("/node_modules/@img/");

test.run();
