import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ExportedStep, exportStep } from "../../lib/engine/exportStep.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { HostTensor, NamedHostTensors, Step, StepOptions } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { dense } from "../../lib/nn/dense.js";
import { gelu } from "../../lib/nn/gelu.js";
import { layerNorm } from "../../lib/nn/layerNorm.js";
import { normalFloats } from "../hostTensors.js";
import { expectClose, expectThrow } from "../support.js";

const test = suite("engine/exportStep");

/** What the engine's own graphs do with operators of ONNX Runtime's: GELU, and products with an operand turned. */
const step: Step = (given) => {
  const { x, kernel, bias, gain, table, w } = given as Record<string, tf.Tensor>;
  const hidden = gelu(layerNorm({ gain: gain!, bias: bias! }, dense({ kernel: kernel!, bias: bias! }, x!)));
  const scores = tf.matMul(hidden as tf.Tensor2D, table as tf.Tensor2D, false, true);
  return { nearest: tf.argMax(scores, -1), weights: tf.softmax(tf.mul(scores, w!)) };
};
const options: StepOptions = {
  name: "little",
  inputs: { x: { dtype: "float32", shape: [3, 4] }, w: { dtype: "float32", shape: [] } },
  constants: {
    kernel: normalFloats([4, 6], 1),
    bias: normalFloats([6], 2),
    gain: normalFloats([6], 3),
    table: normalFloats([5, 6], 4),
    idle: normalFloats([100], 5),
  },
};
const inputs: NamedHostTensors = {
  x: normalFloats([3, 4], 6),
  w: { dtype: "float32", shape: [], data: Float32Array.of(0.5) },
};

/** Runs a file as any program with ONNX Runtime would: nothing of ours is loaded into the session. */
async function run(model: Uint8Array): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(model);
  const feeds = Object.entries(inputs).map(
    ([name, { data, shape }]) => [name, new ort.Tensor("float32", data as Float32Array, shape)] as const,
  );
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return results;
}

test("onnxruntime alone runs the file to the engine's results", async () => {
  const program = await (await createOnnxEngine({ threads: 1 })).compile(step, options);
  const want = await program.run(inputs);
  await program.dispose();
  const got = await run(exportStep(step, options).model);
  assert.equal(got["nearest"]!.data, want["nearest"]!.data);
  assert.is(got["nearest"]!.type, "int32");
  expectClose(got["weights"]!.data as Float32Array, want["weights"]!.data, "weights", { relative: 1e-6 });
});

test("no node is ONNX Runtime's own, and the file names no other set of operators", () => {
  const { nodes, model } = exportStep(step, options);
  assert.ok(nodes.some(({ op }) => op === "Gelu"));
  for (const { op, domain } of nodes) assert.is(domain, "", op);
  assert.not.ok(Buffer.from(model).includes("com.microsoft"));
});

test("every node comes after those whose results it reads", () => {
  const { nodes }: ExportedStep = exportStep(step, options);
  const makers = new Set(nodes.flatMap(({ outputs }) => outputs));
  const made = new Set<string>();
  for (const node of nodes) {
    for (const input of node.inputs) assert.ok(!makers.has(input) || made.has(input), `${node.op} reads ${input}`);
    for (const output of node.outputs) made.add(output);
  }
  assert.ok(nodes.length > 3);
});

test("weights are in the file, those that nothing reads are not; inputs and outputs are told", () => {
  const { inputs, outputs, model } = exportStep(step, options);
  const { table, idle } = options.constants!;
  const bytes = (tensor: HostTensor) => Buffer.from((tensor.data as Float32Array).buffer);
  assert.ok(Buffer.from(model).includes(bytes(table!)));
  assert.not.ok(Buffer.from(model).includes(bytes(idle!)));
  assert.equal(
    inputs.map(({ name, type, shape }) => [name, type, shape]),
    [
      ["x", "float32", [3, 4]],
      ["w", "float32", []],
    ],
  );
  assert.equal(
    outputs.map(({ name, type, shape }) => [name, type, shape]),
    [
      ["nearest", "int32", [3]],
      ["weights", "float32", [3, 5]],
    ],
  );
});

test("the same step gives the same bytes", () => {
  assert.equal(exportStep(step, options).model, exportStep(step, options).model);
});

test("more weights than a file of ONNX can hold are refused before they are copied", () => {
  const gibibyte = (): HostTensor => ({ dtype: "float32", shape: [2 ** 28], data: new Float32Array(2 ** 28) });
  const sum: Step = ({ a, b, x }) => ({ y: tf.add(tf.add(a!, b!), x!) });
  const large: StepOptions = {
    name: "large",
    inputs: { x: { dtype: "float32", shape: [] } },
    constants: { a: gibibyte(), b: gibibyte() },
  };
  expectThrow(() => exportStep(sum, large), FileError, /large: weights of 2147483648 bytes .*2 GiB/);
});

test.run();
