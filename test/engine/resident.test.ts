import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { createResident, disposeAll } from "../../lib/engine/resident.js";
import type { NamedHostTensors, Resident } from "../../lib/engine/types.js";
import { residentOnHost } from "./support/residentOnHost.js";

const test = suite("engine/resident");

const hosted = residentOnHost(await createOnnxEngine({ threads: 1 }));

/** Residency whose compilations are counted, and fail as often as is asked. */
function counted(failures = 0) {
  const names: string[] = [];
  const compile: Resident["compile"] = async (step, options, stays) => {
    names.push(options.name);
    if (names.length <= failures) throw new Error("out of memory");
    return hosted.resident.compile(step, options, stays);
  };
  return { names, ...createResident(compile) };
}

const tensors = (first: number): NamedHostTensors => ({
  "model/w": { dtype: "float32", shape: [2, 2], data: Float32Array.of(first, 2, -0, 1e-40) },
  codes: { dtype: "int32", shape: [3], data: Int32Array.of(7, -1, 2 ** 31 - 1) },
});

test("what is placed comes back as it was, under its names, as often as it is fetched", async () => {
  const { place, fetch } = counted();
  const held = await place(tensors(1));
  const other = await place(tensors(5));
  assert.equal(await fetch(held), tensors(1));
  assert.equal(await fetch({ codes: held["codes"]! }), { codes: tensors(1)["codes"]! });
  assert.equal(await fetch(other), tensors(5));
  disposeAll(held);
  disposeAll(other);
  assert.is(hosted.live(), 0);
});

test("of equal names and shapes there is one program each way, and of nothing there is none", async () => {
  const { names, place, fetch } = counted();
  for (const first of [1, 2]) {
    const held = await place(tensors(first));
    await fetch(held);
    disposeAll(held);
  }
  assert.equal([await place({}), await fetch({})], [{}, {}]);
  assert.equal(names, ["place", "fetch"]);
});

test("a copy that could not be compiled is tried again", async () => {
  const { place, fetch } = counted(1);
  assert.is(await place(tensors(1)).catch((error: Error) => error.message), "out of memory");
  const held = await place(tensors(1));
  assert.equal(await fetch(held), tensors(1));
  disposeAll(held);
});

test.run();
