/** The runner itself: what it counts as skipped and what as failed. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("run");

const RUNNER = path.join(path.dirname(fileURLToPath(import.meta.url)), "run.js");
/** A file whose tests are all skipped where there is no device. */
const FILE = "commands/halfPrecision";

function run(more: NodeJS.ProcessEnv) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("VITVQ_"));
  const env = { ...Object.fromEntries(kept), VK_DRIVER_FILES: "/none.json", ...more };
  return spawnSync(process.execPath, [RUNNER, FILE], { env, encoding: "utf8" });
}

test("a file whose tests are all skipped is skipped, not failed", () => {
  const { status, stdout } = run({});
  assert.is(status, 0, stdout);
  assert.match(stdout, /^skip commands\/halfPrecision/m);
  assert.match(stdout, /\n0 passed, 0 failed, 1 skipped\n$/);
});

test("it is failed where the device was required", () => {
  for (const env of [{ VITVQ_FLOAT16: "required" }, { VITVQ_FLOAT16_VULKAN: "/none" }]) {
    const { status, stdout } = run(env);
    assert.is(status, 1);
    assert.match(stdout, /required", but WebGPU does not/);
    assert.match(stdout, /\n0 passed, 1 failed\n$/);
  }
});

test.run();
