import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { projectRoot, vitvq } from "../support.js";

const test = suite("bin/vitvq");

test("--version prints the version of package.json", async () => {
  const { version } = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as { version: string };
  assert.equal(await vitvq(["--version"]), { status: 0, stdout: `${version}\n`, stderr: "" });
});

test("--help lists the commands on stdout", async () => {
  const { status, stdout, stderr } = await vitvq(["--help"]);
  assert.equal([status, stderr], [0, ""]);
  assert.match(stdout, /^vitvq <command> \[options\]\n/);
  assert.match(stdout, /\n {2}doctor +Say/);
});

test("an unknown command exits with 2 and offers the nearest", async () => {
  const wanted = { status: 2, stdout: "", stderr: 'vitvq: unknown command "docter"; did you mean doctor?\n' };
  assert.equal(await vitvq(["docter"]), wanted);
});

test.run();
