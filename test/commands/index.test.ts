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
const dist = pathToFileURL(path.join(projectRoot, "dist", "/")).href;
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

test("help loads the command's own file and the framework, and nothing else", async () => {
  for (const [args, most] of [[["--help"], 12] as const, ...entries.map(([name]) => [[name, "--help"], 23] as const)]) {
    const loaded = (await loadedBy(args)).map((url) => url.replace(dist, ""));
    const lean = [
      /^bin\/vitvq\.js$/,
      /^commands\/(\w+|support\/\w+)\.js$/,
      /^lib\/(errors|models\/sizes|sample\/guidance|speed\/names|ui\/terminal)\.js$/,
    ];
    const system = /^node:(fs|path|url|os)$/;
    const odd = loaded.filter((url) => ![...lean, system].some((pattern) => pattern.test(url)));
    assert.equal(odd, [], `vitvq ${args.join(" ")}`);
    const own = loaded.filter((url) => !system.test(url));
    assert.ok(own.includes("bin/vitvq.js"), "the recorder works");
    assert.ok(own.length <= most, `vitvq ${args.join(" ")}: ${own.length} modules, want at most ${most}`);
  }
});

// Processor time, since that of the clock tells more of what else runs here; Node alone takes 60 ms of an AMD EPYC.
test("help takes little more than Node alone: well below 150 ms where that takes 60", async () => {
  const lines = { node: ["-e", "0"], help: [binary, "--help"], sample: [binary, "sample", "--help"] };
  const least = { node: Infinity, help: Infinity, sample: Infinity };
  for (let i = 0; i < 7; i++)
    for (const name of ["node", "help", "sample"] as const)
      least[name] = Math.min(least[name], await processorMilliseconds(lines[name]));
  const said = JSON.stringify(least);
  assert.ok(least.help < 2 * least.node, `vitvq --help: want at most twice what Node takes, got ${said}`);
  assert.ok(
    least.sample < 2.2 * least.node,
    `vitvq sample --help: want at most 2.2 times what Node takes, got ${said}`,
  );
});

const meter = `data:text/javascript,${encodeURIComponent(`
process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(\`\${(user + system) / 1000}\`);
})`)}`;

/** What Node takes to run this, all threads together. */
async function processorMilliseconds(args: readonly string[]): Promise<number> {
  const { status, stderr } = await run(process.execPath, ["--import", meter, ...args]);
  assert.ok(status === 0 && Number(stderr) > 0, stderr);
  return Number(stderr);
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

test.run();
