import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../lib/engine/eager.js";
import type { Step, StepOptions } from "../../lib/engine/types.js";
import { EngineError } from "../../lib/errors.js";
import { floats } from "../hostTensors.js";
import { expectRejection } from "../support.js";

const test = suite("engine/eager");

/** y = x W, and the gradient of sum(y^2) by W. */
const step: Step = ({ x, W }) => {
  const y = tf.matMul(x!, W!);
  const loss = (w: tf.Tensor): tf.Scalar => tf.sum(tf.square(tf.matMul(x!, w)));
  return { y, dW: tf.grad(loss)(W!), best: tf.argMax(y, 1) };
};
const options: StepOptions = { name: "linear", inputs: { x: { dtype: "float32", shape: ["b", 2] } } };
const constants = { W: floats([2, 2], 1, 2, 3, 4) };
const x = floats([1, 2], 1, 2);

test("runs a step and reads its results back, constants and gradients included", async () => {
  const engine = await createEagerEngine("cpu");
  assert.is(engine.device, "javascript");
  const program = await engine.compile(step, { ...options, constants });
  const { y, dW, best } = await program.run({ x });
  assert.equal(y, floats([1, 2], 7, 10)); // [1*1 + 2*3, 1*2 + 2*4]
  assert.equal(dW, floats([2, 2], 14, 20, 28, 40)); // 2 x^T y
  assert.equal(best, { dtype: "int32", shape: [1], data: Int32Array.of(1) });
  await program.dispose();
});

test("takes another size of a string dimension at the next run", async () => {
  const program = await (await createEagerEngine("cpu")).compile(step, { ...options, constants });
  assert.equal((await program.run({ x: floats([2, 2], 1, 0, 0, 1) }))["y"], floats([2, 2], 1, 2, 3, 4));
  assert.equal((await program.run({ x: floats([0, 2]) }))["y"], floats([0, 2]));
  await program.dispose();
});

test("leaks no tensors over runs, failed runs and the program's end", async () => {
  const engine = await createEagerEngine("cpu");
  const before = tf.memory().numTensors;
  const program = await engine.compile(step, { ...options, constants });
  const kept = tf.memory().numTensors;
  assert.is(kept, before + 1);
  await program.run({ x });
  await program.run({ x });
  assert.is(tf.memory().numTensors, kept);
  const failing = await engine.compile(({ x }) => ({ y: tf.reshape(x!, [7]) }), options);
  await expectRejection(failing.run({ x }), Error, /reshape|size/i);
  assert.is(tf.memory().numTensors, kept);
  await program.dispose();
  await program.dispose();
  assert.is(tf.memory().numTensors, before);
});

test("gives results their own memory", async () => {
  const passOn: Step = ({ x }) => ({ same: x!, flat: tf.reshape(x!, [-1]) });
  const program = await (await createEagerEngine("cpu")).compile(passOn, options);
  const { same, flat } = await program.run({ x });
  same!.data[0] = 99;
  assert.is(x.data[0], 1);
  assert.is(flat!.data[0], 1);
});

test("refuses wrong inputs, a wrong declaration, boolean results and runs after the end", async () => {
  const engine = await createEagerEngine("cpu");
  const program = await engine.compile(({ x }) => ({ y: tf.greater(x!, 0) }), options);
  await expectRejection(program.run({}), Error, /linear: input "x" is missing/);
  await expectRejection(program.run({ x }), Error, /linear: result "y" is bool/);
  await program.dispose();
  await expectRejection(program.run({ x }), Error, /disposed/);
  await expectRejection(engine.compile(step, { ...options, constants: { x } }), Error, /both an input and a constant/);
});

test("runs on its own backend and leaves the active one as it was, also after an error", async () => {
  tf.copyRegisteredKernels("cpu", "other");
  tf.registerBackend("other", () => tf.findBackendFactory("cpu")());
  await tf.setBackend("other");
  let seen = "";
  const spy: Step = ({ x }) => {
    seen = tf.getBackend();
    return { y: tf.reshape(x!, [2]) };
  };
  const program = await (await createEagerEngine("cpu")).compile(spy, options);
  await program.run({ x });
  assert.is(seen, "cpu");
  assert.is(tf.getBackend(), "other");
  await expectRejection(program.run({ x: floats([2, 2], 1, 2, 3, 4) }), Error, /./);
  assert.is(tf.getBackend(), "other");
  assert.throws(() => withBackend("nowhere", () => 0), /no backend "nowhere"/);
});

test("runs steps on a TensorFlow that loads, and names its device", async () => {
  // The package is not installed here: its part is played by a copy of the JavaScript backend under its name.
  const load = async () => {
    tf.copyRegisteredKernels("cpu", "tensorflow");
    tf.registerBackend("tensorflow", () => tf.findBackendFactory("cpu")());
  };
  const engine = await createEagerEngine("tensorflow", { load });
  assert.is(engine.device, "cpu");
  const program = await engine.compile(step, { ...options, constants });
  assert.equal((await program.run({ x }))["y"], floats([1, 2], 7, 10));
  Object.assign(tf.findBackend("tensorflow"), { isUsingGpuDevice: true });
  assert.is((await createEagerEngine("tensorflow", { load: async () => {} })).device, "gpu");
});

test("refuses a TensorFlow that loads and then fails at its first kernel", async () => {
  const broken = {
    kernelName: "Add",
    backendName: "tensorflow",
    kernelFunc: () => {
      throw new Error("isNullOrUndefined is not a function");
    },
  };
  tf.unregisterKernel("Add", "tensorflow");
  tf.registerKernel(broken);
  try {
    await createEagerEngine("tensorflow", { load: async () => {} });
    assert.unreachable("a broken backend was accepted");
  } catch (error) {
    assert.instance(error, EngineError);
    const { message, cause } = error as EngineError;
    assert.match(message, /^engine tensorflow is not available: /);
    assert.match((cause as Error).message, "isNullOrUndefined is not a function");
  }
});

test.run();
