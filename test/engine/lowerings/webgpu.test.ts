/**
 * Every lowering as it is written for WebGPU: in ONNX's own operators on any machine, and where there is a device, on it.
 * The engine lets no node fall back to the processor, so that what runs there runs there alone.
 */
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EngineError } from "../../../lib/errors.js";
import { compareEngines } from "../support/compareEngines.js";
import { missing, webgpu } from "../support/webgpu.js";
import { allGroups } from "./allGroups.js";

const test = suite("lowerings/webgpu");
const onDevice = missing === undefined ? test : test.skip;

/** What WebGPU has no operator for: no model multiplies matrices of integers, and codes are drawn on the host there. */
const LACKING = ["integer products are exact", "the largest of a row come in order, of equals the first"];

for (const [sentence, cases] of await allGroups()) {
  test(`${sentence}, in a graph for WebGPU`, () => compareEngines(sentence, cases, "webgpu"));
  if (!LACKING.includes(sentence)) onDevice(`${sentence}, on WebGPU`, () => compareEngines(sentence, cases, "device"));
}

onDevice("a step with an operation that the device lacks is refused, not moved to the processor", async () => {
  const engine = await webgpu();
  const matrix = { dtype: "int32", shape: [2, 2] } as const;
  try {
    await engine.compile(({ a }) => ({ y: tf.matMul(a!, a!) }), { name: "integers", inputs: { a: matrix } });
  } catch (error) {
    assert.instance(error, EngineError);
    assert.match((error as Error).message, /^webgpu: integers failed .*assigned to the default CPU EP/);
    return;
  }
  assert.unreachable("it was compiled");
});

test.run();
