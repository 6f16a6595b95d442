import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fusedKernel } from "../../lib/engine/fusedKernel.js";
import "../../lib/engine/lowerings/index.js";
import type { OnnxGraph } from "../../lib/engine/onnx.js";
import type { Target, TraceOptions } from "../../lib/engine/symbols.js";
import {
  defineLowering,
  elementOf,
  fullPrecision,
  recomputed,
  TRACE_BACKEND,
  trace,
} from "../../lib/engine/traceBackend.js";
import type { Step, TensorSpec } from "../../lib/engine/types.js";

const test = suite("engine/traceBackend");

const x: TensorSpec = { dtype: "float32", shape: [2, 3] };

const traced = (
  step: Step,
  inputs: Record<string, TensorSpec> = { x },
  how: Target | TraceOptions = "cpu",
): OnnxGraph => trace(step, { name: "step", inputs }, how);

const ops = ({ nodes }: OnnxGraph): string[] => nodes.map((node) => node.op).reverse();

test("a trace before anything else leaves a backend behind that can compute", () => {
  assert.not.ok(tf.engine().backendName, "no backend is active yet");
  traced(({ x }) => ({ y: tf.exp(x!) }));
  assert.is(tf.getBackend(), "cpu");
  assert.equal([...tf.tidy(() => tf.add(1, 2).dataSync())], [3]);
});

test("a step becomes one node for each kernel, in reverse order", () => {
  const graph = traced(({ x }) => ({ y: tf.sum(tf.exp(tf.sin(x!)), 1) }));
  assert.equal(
    graph.nodes.map(({ op }) => op),
    ["ReduceSum", "Exp", "Sin"],
  );
  assert.equal(graph.inputs, [{ name: "x", type: "float32", shape: [2, 3] }]);
  assert.equal(graph.outputs, [{ name: "y", type: "float32", shape: [2] }]);
});

test("gradients are part of the graph, and share what they can with the values", () => {
  const graph = traced(({ x }) => {
    const { value, grad } = tf.valueAndGrad((a: tf.Tensor) => tf.sum(tf.exp(a)).asScalar())(x!);
    return { value, grad };
  });
  assert.equal(ops(graph), ["Exp", "ReduceSum"]); // the gradient is the exponential itself
});

test("constants become weights of the model under their own names", () => {
  const w = { dtype: "float32" as const, shape: [3], data: Float32Array.of(1, 2, 3) };
  const unused = { ...w, data: Float32Array.of(4, 5, 6) };
  const step: Step = ({ x, w }) => ({ y: tf.mul(x!, w!) });
  const graph = trace(step, { name: "step", inputs: { x }, constants: { w, unused } }, "cpu");
  assert.equal(
    graph.inputs.map(({ name }) => name),
    ["x"],
  );
  assert.equal(
    graph.initializers.map(({ name, shape }) => [name, shape]),
    [["w", [3]]],
  );
  assert.equal([...new Float32Array(graph.initializers[0]!.bytes.slice().buffer)], [1, 2, 3]);
});

test("each target gets the operations it has", () => {
  const step: Step = ({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, true, false) });
  assert.equal(ops(traced(step)), ["FusedMatMul"]);
  assert.equal(ops(traced(step, { x }, "webgpu")), ["Transpose", "MatMul"]);
});

test("on processors a left operand is transposed ahead of its product where that is wide, and is one matrix", () => {
  const opsOf = (left: readonly number[], right: readonly number[], transposeB = false) => {
    const inputs = { x: { dtype: "float32", shape: left }, y: { dtype: "float32", shape: right } } as const;
    return ops(traced(({ x, y }) => ({ z: tf.matMul(x!, y!, true, transposeB) }), inputs));
  };
  assert.equal(opsOf([3, 2], [3, 127]), ["FusedMatMul"]);
  assert.equal(opsOf([3, 2], [3, 128]), ["Transpose", "MatMul"]);
  assert.equal(opsOf([3, 2], [128, 3], true), ["Transpose", "FusedMatMul"]);
  assert.equal(
    opsOf([512, 1024], [512, 256]),
    ["Transpose", "MatMul", "Transpose"],
    "the other way round where it is tall",
  );
  assert.equal(opsOf([512, 1024], [256, 512], true), ["MatMul", "Transpose"]);
  assert.equal(opsOf([512, 1024], [2, 512, 256]), ["Transpose", "MatMul"], "not for many products");
  assert.equal(opsOf([1, 3, 2], [1, 3, 128]), ["Transpose", "MatMul"]);
  assert.equal(opsOf([2, 3, 2], [2, 3, 128]), ["FusedMatMul"]);
});

test("on processors products of many rows are made in equal pieces of at most 512, unless the weights are part of the model", () => {
  const pieces = (rows: number) => {
    const inputs = { x: { dtype: "float32", shape: [rows, 3] }, y: { dtype: "float32", shape: [3, 2] } } as const;
    return traced(({ x, y }) => ({ z: tf.matMul(x!, y!) }), inputs);
  };
  assert.equal(ops(pieces(2047)), ["MatMul"]);
  assert.equal(ops(pieces(2049)), ["MatMul"], "no equal pieces of 256 to 512");
  const graph = pieces(3072);
  assert.equal(
    ops(graph).filter((op) => op !== "Reshape"),
    ["FusedMatMul"],
  );
  assert.equal(graph.nodes.find(({ op }) => op === "FusedMatMul")!.attributes["transBatchB"], 1n);
  const constants = { y: { dtype: "float32" as const, shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) } };
  const inputs = { x: { dtype: "float32" as const, shape: [3072, 3] } };
  const builtIn = trace(({ x, y }) => ({ z: tf.matMul(x!, y!) }), { name: "step", inputs, constants }, "cpu");
  assert.equal(ops(builtIn), ["MatMul"]);
});

test("a step that reads values, or a tensor of another step, is told so", () => {
  assert.throws(() => traced(({ x }) => ({ y: tf.scalar(x!.dataSync()[0]!) })), /read the values of a tensor/);
  const outside = tf.tensor([1, 2, 3]);
  assert.throws(
    () => traced(({ x }) => ({ y: tf.add(x!, outside) })),
    /\[3\] does not belong to the step being traced/,
  );
  outside.dispose();
  let kept: tf.Tensor | undefined;
  traced(({ x }) => {
    kept = tf.keep(tf.exp(x!));
    return { y: kept };
  });
  assert.throws(() => traced(({ x }) => ({ y: tf.add(x!, kept!) })), /does not belong to the step being traced/);
  kept!.dispose();
});

test("an operation without a lowering is named", () => {
  assert.throws(() => traced(({ x }) => ({ y: tf.cumprod(x!) })), /'Cumprod' not registered for backend 'vitvq-trace'/);
});

test("a kernel without one of its inputs is named together with them", () => {
  const called =
    (name: string, inputs: tf.NamedTensorMap): Step =>
    () => ({ y: tf.engine().runKernel(name, inputs) as tf.Tensor });
  assert.throws(() => traced(called("Conv2D", {})), /Conv2D: want x, filter, got no x, filter$/);
  const half: Step = ({ x }) => called("Add", { b: x! })({});
  assert.throws(() => traced(half), /Add: want a, b, got no a$/);
  assert.throws(() => traced(called("AddN", {})), /AddN: want a list of inputs, got none/);
});

test("a kernel may have inputs that its lowering does not read", () => {
  const step: Step = ({ x }) => ({ y: tf.engine().runKernel("Exp", { x: x!, other: x! }) as tf.Tensor });
  assert.equal(ops(traced(step)), ["Exp"]);
});

test("types without an ONNX counterpart are refused", () => {
  assert.throws(() => elementOf("complex64"), /no tensors of type complex64/);
  assert.throws(() => traced(() => ({ y: tf.tensor(["a", "b"]) })), /no tensors of type string/);
});

test("a trace inside a trace is refused", () => {
  const inner: Step = ({ x }) => ({ y: x! });
  const outer: Step = ({ x }) => {
    traced(inner);
    return { y: x! };
  };
  assert.throws(() => traced(outer), /inside a trace/);
  traced(inner); // and the next one works
});

test("the active backend comes back, also after an error", () => {
  const inside: string[] = [];
  traced(({ x }) => {
    inside.push(tf.getBackend());
    return { y: x! };
  });
  assert.equal(inside, [TRACE_BACKEND]);
  assert.is(tf.getBackend(), "cpu");
  assert.throws(() =>
    traced(() => {
      throw new Error("stop");
    }),
  );
  assert.is(tf.getBackend(), "cpu");
});

test("tracing leaves no tensors behind", () => {
  const step: Step = ({ x }) => ({ g: tf.grad((a: tf.Tensor) => tf.sum(tf.softmax(tf.mul(a, [1, 2, 3]))))(x!) });
  traced(step);
  const before = tf.memory().numTensors;
  traced(step);
  assert.is(tf.memory().numTensors, before);
});

test("constants of gradients weigh nothing in the file", () => {
  const large: TensorSpec = { dtype: "float32", shape: [1000, 1000] };
  const graph = traced(
    ({ x }) => ({ g: tf.grad((a: tf.Tensor) => tf.mean(tf.square(tf.add(a, tf.ones([1000, 1000])))))(x!) }),
    {
      x: large,
    },
  );
  const bytes = graph.initializers.reduce((sum, tensor) => sum + tensor.bytes.byteLength, 0);
  assert.ok(bytes < 100, `${bytes} bytes`);
});

test("recomputed nodes are made twice while tracing, and nothing is different elsewhere", () => {
  const twice = traced(({ x }) => ({ a: tf.exp(x!), b: recomputed(() => tf.exp(x!)) }));
  assert.equal(ops(twice), ["Exp", "Exp"]);
  const once = traced(({ x }) => ({ a: tf.exp(x!), b: tf.exp(x!) }));
  assert.equal(ops(once), ["Exp", "Identity"]);
  assert.is(
    recomputed(() => 7),
    7,
  );
});

test("a fused kernel is one node in the graph and its composition elsewhere", () => {
  const twice = (a: tf.Tensor) => fusedKernel("Gelu", { inputs: { x: a }, compose: () => [tf.mul(a, 2)] })[0]!;
  assert.equal(ops(traced(({ x }) => ({ y: twice(x!) }))), ["Gelu"]);
  assert.equal([...tf.tidy(() => twice(tf.tensor([1, 2])).dataSync())], [2, 4]);
});

/** A kernel with a lowering for products of float16 on WebGPU alone. */
defineLowering("Halved", ["x"], ({ inputs: { x }, graph }) => graph.sym({ op: "Half", inputs: [graph.whole(x)] }, x), {
  where: ({ target, precision }) => target === "webgpu" && precision === "float16",
});
const HALVES = { target: "webgpu", precision: "float16" } as const;

test("a fused kernel is composed in graphs that its lowering is not for", () => {
  const half = (a: tf.Tensor) => fusedKernel("Halved", { inputs: { x: a }, compose: () => [tf.tanh(a)] })[0]!;
  const found = (how: Target | TraceOptions, body = half) => ops(traced(({ x }) => ({ y: body(x!) }), { x }, how));
  assert.equal(found(HALVES), ["Half"]);
  assert.equal(found("webgpu"), ["Tanh"]);
  assert.equal(found({ target: "cpu", precision: "float16" }), ["Tanh"]);
  assert.equal(
    found(HALVES, (a) => fullPrecision(() => half(a))),
    ["Tanh"],
    "products of float16 are off for a while",
  );
});

test("a kernel called by itself in a graph that its lowering is not for is refused", () => {
  const step: Step = ({ x }) => ({ y: tf.engine().runKernel("Halved", { x: x! }) as tf.Tensor });
  assert.equal(ops(traced(step, { x }, HALVES)), ["Half"]);
  assert.throws(() => traced(step), /Halved: not for cpu with products of float32; call it by fusedKernel/);
});

test("a varying dimension stays open in the graph, and shapes that depend on it are refused", () => {
  const open: TensorSpec = { dtype: "float32", shape: ["t", 3] };
  const graph = traced(({ x }) => ({ y: tf.mul(tf.exp(x!), 2), m: tf.mean(x!, 0) }), { x: open });
  assert.equal(graph.inputs[0]!.shape, ["t", 3]);
  assert.equal(
    graph.outputs.map(({ shape }) => shape),
    [["t", 3], [3]],
  );
  const wide: TensorSpec = { dtype: "float32", shape: ["t", 40] };
  assert.equal(
    ops(traced(({ x }) => ({ s: tf.sum(x!, 0) }), { x: wide })),
    ["ReduceSum"],
    "not in pieces of so many rows",
  );
  assert.throws(() => traced(({ x }) => ({ y: tf.reshape(x!, [-1]) }), { x: open }), /depends on "t", which varies/);
  assert.throws(() => traced(({ x }) => ({ y: tf.sum(tf.onesLike(x!)) }), { x: open }), /depends on "t", which varies/);
});

test("an axis of 1 changes places with one that varies by a transposition, with another without moving anything", () => {
  const turned: Step = ({ x }) => ({ y: tf.transpose(x!) });
  const columns = (rows: number | string): TensorSpec => ({ dtype: "float32", shape: [rows, 1] });
  assert.equal(ops(traced(turned, { x: columns("t") })), ["Transpose"]);
  assert.equal(ops(traced(turned, { x: columns(5) })), ["Reshape"]);
});

test("numbers and counts that depend on a varying dimension are refused, gradients that do not are traced", () => {
  const [x, narrow] = [
    { dtype: "float32", shape: ["t", 3] },
    { dtype: "float32", shape: ["t", 1] },
  ] as const;
  const gradient =
    (f: (x: tf.Tensor) => tf.Tensor): Step =>
    (inputs) => ({ g: tf.grad((a) => tf.sum(f(a)))(inputs["x"]!) });
  for (const f of [(a: tf.Tensor) => tf.mean(a, 0), (a: tf.Tensor) => tf.mul(a, 1 / a.shape[0]!)])
    assert.throws(() => traced(gradient(f), { x }), /a number inside the step depends on "t", which varies/);
  assert.throws(() => traced(({ x }) => ({ y: tf.unstack(x!)[0]! }), { x: narrow }), /depends on "t", which varies/);
  assert.throws(() => traced(({ x }) => ({ y: tf.range(0, x!.shape[0]!) }), { x }), /depends on "t", which varies/);
  assert.equal(
    traced(
      gradient((a) => tf.sum(tf.exp(a), 0)),
      { x },
    ).outputs[0]!.shape,
    ["t", 3],
  );
  assert.equal(traced(({ x }) => ({ y: tf.concat([x!, tf.ones([1, 3])]) }), { x }).outputs[0]!.shape, ["t + 1", 3]);
});

test.run();
