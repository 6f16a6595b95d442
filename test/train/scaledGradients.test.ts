import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors, Step } from "../../lib/engine/types.js";
import { LOSS_SCALE } from "../../lib/train/lossScale.js";
import { scaledGradients } from "../../lib/train/scaledGradients.js";
import { engine } from "./support.js";

const test = suite("train/scaledGradients");

/** `loss = sum x^2`, whose gradient is 2 x; with the greatest of x beside it. */
const step: Step = (inputs) => {
  const { x } = inputs;
  const { loss, gradients, aux } = scaledGradients(
    inputs,
    () => ({ loss: tf.sum(tf.square(x!)).asScalar(), aux: { most: tf.max(x!) } }),
    { x: x! },
  );
  return { loss, gradient: gradients["x"]!, ...aux };
};

const run = async (more: NamedHostTensors): Promise<Record<string, number[]>> => {
  const inputs = { x: { dtype: "float32", shape: [3], data: Float32Array.of(1, -2, 3) }, ...more } as const;
  const program = await (await engine()).compile(step, { name: "scaled", inputs });
  const results = await program.run(inputs);
  await program.dispose();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Array.from(data)]));
};

test("gradients are multiplied by the scale that a step is given, the loss and what goes with it are not", async () => {
  const scale = { dtype: "float32", shape: [], data: Float32Array.of(1024) } as const;
  const got = await run({ [LOSS_SCALE]: scale });
  assert.equal(got, { loss: [14], gradient: [2048, -4096, 6144], most: [3] });
});

test("without one they are as they are", async () => {
  assert.equal(await run({}), { loss: [14], gradient: [2, -4, 6], most: [3] });
});

test.run();
