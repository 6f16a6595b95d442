import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { thisMachine } from "../../lib/engine/machine.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { largestBuiltIn, weightFeeds } from "../../lib/engine/weightFeeds.js";

const test = suite("engine/weightFeeds");

const weights: NamedHostTensors = { w: { dtype: "float32", shape: [2], data: Float32Array.of(3, 4) } }; // 8 bytes

test("builds weights in up to a size and feeds them beyond, with the same results", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const results: number[][] = [];
  for (const largest of [8, 7]) {
    const { options, feeds } = weightFeeds(weights, largest);
    assert.equal(Object.keys(options.constants ?? {}), largest === 8 ? ["w"] : []);
    assert.equal(Object.keys(feeds), largest === 8 ? [] : ["w"]);
    const program = await engine.compile(({ x, w }) => ({ y: tf.mul(x!, w!) }), {
      ...options,
      name: "product",
      inputs: { ...options.inputs, x: { dtype: "float32", shape: [2] } },
    });
    const { y } = await program.run({ ...feeds, x: { dtype: "float32", shape: [2], data: Float32Array.of(10, 100) } });
    results.push([...y!.data]);
    await program.dispose();
  }
  assert.equal(results, [
    [30, 400],
    [30, 400],
  ]);
});

test("two thirds of a machine hold the weights as they were read and once more in each graph", () => {
  assert.is(largestBuiltIn({ memory: 12 }), 4);
  assert.is(largestBuiltIn({ graphs: 2, memory: 18 }), 4);
  assert.is(largestBuiltIn(), thisMachine().memory / 3);
});

test.run();
