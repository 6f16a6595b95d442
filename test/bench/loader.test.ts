import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../commands/support/spawn.js";
import { projectRoot } from "../support.js";

const test = suite("bench/loader");

test("photos that are not there end it at once, in one line and with the exit code of bad data", async () => {
  const program = path.join(projectRoot, "dist", "bench", "loader.js");
  const finished = await run(process.execPath, [program, "--case", "idx-28,jpeg-256", "--photos", "nowhere"]);
  assert.equal(finished, { status: 3, stdout: "", stderr: "cannot open data nowhere: no such file or folder\n" });
});

test.run();
