import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sizeOf } from "../../lib/shapes.js";
import "../../lib/engine/lowerings/index.js";
import { type OnnxNode, writeModel } from "../../lib/engine/onnx.js";
import { stepCost } from "../../lib/engine/stepCost.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step, TensorSpec } from "../../lib/engine/types.js";
import { selfAttention } from "../../lib/nn/dotProductAttention.js";
import { type Plan, priorPlan, tokenizerPlan } from "../../lib/train/plans.js";
import { ADVERSARIAL, TASK, VIM } from "../train/support.js";

const test = suite("engine/stepCost");

const float = (...shape: number[]): TensorSpec => ({ dtype: "float32", shape });
const costOf = (step: Step, inputs: Record<string, TensorSpec>) => stepCost(step, { name: "step", inputs });

test("a matrix product costs rows x inner x columns, transposed or not", () => {
  const plain = costOf(({ a, b }) => ({ y: tf.matMul(a!, b!) }), { a: float(3, 5), b: float(5, 7) });
  assert.equal(plain, { multiplyAdds: 105, movedBytes: 0, peakBytes: 84, resultBytes: 84 });
  const transposed = costOf(({ a, b }) => ({ y: tf.matMul(a!, b!, true, true) }), { a: float(5, 3), b: float(7, 5) });
  assert.is(transposed.multiplyAdds, 105);
  const batched = costOf(({ a, b }) => ({ y: tf.matMul(a!, b!) }), { a: float(2, 4, 3, 5), b: float(2, 4, 5, 7) });
  assert.is(batched.multiplyAdds, 8 * 105);
});

test("attention costs its two products, in one kernel or composed", () => {
  const heads =
    (causal: boolean): Step =>
    ({ qkv }) => ({ y: selfAttention(qkv!, { heads: 3, causal }) });
  for (const causal of [false, true])
    assert.is(costOf(heads(causal), { qkv: float(2, 5, 36) }).multiplyAdds, 2 * (2 * 3 * 5 * 5 * 4));
});

test("a convolution costs a filter a pixel, and so do its gradients", () => {
  const inputs = { x: float(2, 8, 8, 3), w: float(3, 3, 3, 5) };
  const conv = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
  const forward = 2 * 8 * 8 * 5 * (3 * 3 * 3);
  assert.is(costOf(({ x, w }) => ({ y: conv(x!, w!) }), inputs).multiplyAdds, forward);
  const byInput = costOf(({ x, w }) => ({ dx: tf.grad((images) => tf.sum(conv(images, w!)))(x!) }), inputs);
  assert.is(byInput.multiplyAdds, forward);
});

test("a buffer is freed after its last reader and written over where it can be", () => {
  const x = { x: float(256) };
  const chain = costOf(({ x }) => ({ y: tf.exp(tf.neg(tf.sqrt(x!))) }), x);
  assert.equal([chain.peakBytes, chain.movedBytes], [1024, 6 * 1024]);
  // sqrt(x) is read twice, the second time when neg exists: two buffers, or three with the sum that cannot share.
  const branch = costOf(({ x }) => {
    const root = tf.sqrt(x!);
    return { y: tf.add(tf.exp(tf.neg(root)), root) };
  }, x);
  assert.is(branch.peakBytes, 2048);
  const turned = costOf(({ x }) => ({ y: tf.exp(tf.transpose(tf.sqrt(x!))) }), { x: float(16, 16) });
  assert.is(turned.peakBytes, 2048, "a transposition needs a buffer of its own");
  const twice = costOf(({ x }) => ({ y: tf.transpose(tf.exp(tf.transpose(tf.sqrt(x!)))) }), { x: float(16, 16) });
  assert.is(twice.peakBytes, 2048, "the first buffer is free again when the third is made");
});

test("results live to the end", () => {
  const two = costOf(({ x }) => ({ y: tf.sqrt(x!), z: tf.exp(x!) }), { x: float(256) });
  assert.equal([two.peakBytes, two.resultBytes], [2048, 2048]);
});

test("a view costs nothing", () => {
  const { peakBytes, movedBytes } = costOf(({ x }) => ({ y: tf.reshape(tf.sqrt(x!), [16, 16]) }), { x: float(256) });
  assert.equal([peakBytes, movedBytes], [1024, 2048]);
});

const PLANS: Record<string, Plan> = {
  "stage 1": tokenizerPlan(TASK, { quantized: true, adversarial: false }, 3),
  "stage 1, adversarial": tokenizerPlan(ADVERSARIAL, { quantized: true, adversarial: true }, 4),
  "stage 1, R1": tokenizerPlan(ADVERSARIAL, "r1", 4),
  "stage 2": priorPlan(VIM, { dropout: 0.1, batchSize: 3 }),
};

for (const [name, { step, options }] of Object.entries(PLANS))
  test(`${name}: every tensor has the shape that the graph says`, async () => {
    const graph = trace(step, options, "cpu");
    const said = new Map([...graph.intermediates, ...graph.outputs].map((value) => [value.name, value]));
    const made = graph.nodes.flatMap((node: OnnxNode) => node.outputs);
    assert.equal(
      made.filter((value) => !said.has(value)),
      [],
    );
    // All of them as outputs; sessions refuse int64 and bool only in JavaScript, not here.
    const outputs = made.map((value) => said.get(value)!);
    const session = await ort.InferenceSession.create(writeModel({ ...graph, outputs }), {
      graphOptimizationLevel: "disabled",
    });
    const feeds = Object.fromEntries(
      graph.inputs.map(({ name: input, type, shape }) => {
        const size = sizeOf(shape.map(Number));
        const data = type === "float32" ? new Float32Array(size).fill(0.1) : new Int32Array(size);
        return [input, new ort.Tensor(type as "float32", data as Float32Array, shape.map(Number))];
      }),
    );
    const results = await session.run(feeds);
    await session.release();
    for (const value of outputs) {
      const { type, dims } = results[value.name]!;
      assert.equal([type, [...dims]], [value.type, [...value.shape]], value.name);
    }
  });

test.run();
