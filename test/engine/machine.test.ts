import { availableParallelism, totalmem } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { thisMachine } from "../../lib/engine/machine.js";

const test = suite("engine/machine");

test("the machine has a processor, cores, and no more memory than the system has", () => {
  const { processor, cores, memory, platform, arch } = thisMachine();
  assert.ok(processor !== "" && processor === processor.trim());
  assert.equal([cores, platform, arch], [availableParallelism(), process.platform, process.arch]);
  assert.ok(memory > 2 ** 26 && memory <= totalmem(), `${memory} bytes`);
});

test.run();
