import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder } from "../support.js";
import { namesIn } from "./support.js";

const test = suite("files/pendingNames");

/** Ends a process by a signal while it writes `file`; `first` runs in it before. */
async function interrupted(file: string, signal: NodeJS.Signals, first = "") {
  const atomic = new URL("../../lib/files/atomic.js", import.meta.url).href;
  const code = `
    const { createPending, writeAtomically } = await import(${JSON.stringify(atomic)});
    ${first}
    await writeAtomically(${JSON.stringify(`${file}.before`)}, "whole");
    const { write } = await createPending(${JSON.stringify(file)});
    await write(Buffer.from("half"), 0);
    console.log("writing");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill(signal);
  const [status, by] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { status, by };
}

for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
  test(`${signal} removes what is half written, and ends the process as ever`, () =>
    inTemporaryFolder(async (folder) => {
      assert.equal(await interrupted(path.join(folder, "a.png"), signal), { status: null, by: signal });
      assert.equal(await namesIn(folder), ["a.png.before"]);
    }));

test("where something else listens, it decides", () =>
  inTemporaryFolder(async (folder) => {
    const first = 'process.on("SIGINT", () => setTimeout(() => process.exit(7), 100));';
    assert.equal(await interrupted(path.join(folder, "a.png"), "SIGINT", first), { status: 7, by: null });
    assert.equal(await namesIn(folder), ["a.png.before"], "it ended the process itself");
  }));

test.run();
