import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { freeTensors } from "../../lib/engine/freeTensors.js";
import type { HostTensor } from "../../lib/engine/types.js";

const test = suite("engine/freeTensors");

const MIB = 2 ** 20;
const large = (): HostTensor => ({ dtype: "float32", shape: [64 * MIB], data: new Float32Array(64 * MIB) });

test("memory is given back at once, without garbage being collected, and the data are empty", async () => {
  freeTensors({});
  await sleep(20);
  for (let i = 0; i < 3; i++) {
    const before = process.memoryUsage().arrayBuffers;
    const [a, b] = [large(), large()];
    assert.ok(process.memoryUsage().arrayBuffers - before > 511 * MIB);
    freeTensors({ a, b });
    assert.equal([a.data.length, b.data.length], [0, 0]);
    assert.ok(process.memoryUsage().arrayBuffers - before < MIB);
  }
});

test.run();
