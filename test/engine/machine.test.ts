import { availableParallelism, totalmem } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tellsCacheSize, thisMachine } from "../../lib/engine/machine.js";

const test = suite("engine/machine");

test("the machine has a processor, cores, and no more memory than the system has", () => {
  const { processor, cores, memory, platform, arch } = thisMachine();
  assert.ok(processor !== "" && processor === processor.trim());
  assert.equal([cores, platform, arch], [availableParallelism(), process.platform, process.arch]);
  assert.ok(memory > 2 ** 26 && memory <= totalmem(), `${memory} bytes`);
});

test("the size of the second cache is told of x86, and of every processor outside of Linux", () => {
  assert.ok(tellsCacheSize("linux", "x64"));
  for (const arch of ["arm64", "riscv64", "ppc64"]) assert.not.ok(tellsCacheSize("linux", arch), arch);
  for (const platform of ["darwin", "win32"]) assert.ok(tellsCacheSize(platform, "arm64"), platform);
  assert.is(tellsCacheSize(), tellsCacheSize(process.platform, process.arch));
});

test.run();
