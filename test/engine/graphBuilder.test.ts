import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GraphBuilder } from "../../lib/engine/graphBuilder.js";
import type { OnnxGraph } from "../../lib/engine/onnx.js";
import type { Sym } from "../../lib/engine/symbols.js";

const test = suite("engine/graphBuilder");

const float = (graph: GraphBuilder, name: string, shape: (number | string)[]): Sym =>
  graph.input({ name, type: "float32", shape });

const unary = (graph: GraphBuilder, op: string, x: Sym): Sym => graph.sym({ op, inputs: [graph.whole(x)] }, x);

const ops = (graph: OnnxGraph): string[] => graph.nodes.map((node) => node.op);

test("equal nodes are made once, nodes that differ in anything are not", () => {
  const graph = new GraphBuilder();
  const [x, y] = [float(graph, "x", [2]), float(graph, "y", [2])];
  const node = (op: string, inputs: string[], attributes: Record<string, bigint | number | bigint[]> = {}) =>
    graph.node({ op, inputs, attributes }, x);
  const [a, b] = [graph.whole(x), graph.whole(y)];
  assert.is(node("Add", [a, b]), node("Add", [a, b]));
  const different = [
    node("Add", [a, b]),
    node("Add", [b, a]),
    node("Mul", [a, b]),
    graph.node({ op: "Add", inputs: [a, b], domain: "com.microsoft" }, x),
    node("Softmax", [a], { axis: 0n }),
    node("Softmax", [a], { axis: 1n }),
    node("LeakyRelu", [a], { alpha: 0.1 }),
    node("LeakyRelu", [a], { alpha: 0.2 }),
    node("Transpose", [a], { perm: [0n, 1n] }),
    node("Transpose", [a], { perm: [1n, 0n] }),
    ...graph.multi({ op: "Softmax", inputs: [a], attributes: { axis: 0n } }, [x, x]),
  ];
  assert.is(new Set(different).size, different.length);
});

test("names with spaces are not taken for two names", () => {
  const graph = new GraphBuilder();
  for (const name of ["a", "b", "a b"]) float(graph, name, [1]);
  const sum = (...inputs: string[]) => graph.node({ op: "Sum", inputs }, { type: "float32", shape: [1] });
  assert.is.not(sum("a", "b"), sum("a b"));
});

test("a constant that holds one number throughout is a scalar in the file", () => {
  const graph = new GraphBuilder();
  const ones = graph.constant(new Float32Array(1000).fill(1), [10, 100], "float32");
  assert.is(graph.uniformValue(ones), 1);
  assert.equal(ones.shape, [10, 100]);
  const table = graph.constant([1, 2], [2], "float32");
  assert.is(graph.uniformValue(table), undefined);
  const signed = graph.constant([0, -0], [2], "float32");
  assert.is(graph.uniformValue(signed), undefined, "0 and -0 are two numbers");
  const x = float(graph, "x", [10, 100]);
  const sum = graph.sym({ op: "Add", inputs: [graph.compact(x), graph.compact(ones)] }, x);
  const { initializers } = graph.finish("g", { sum });
  assert.equal(
    initializers.map(({ shape, bytes }) => [shape, bytes.byteLength]),
    [[[], 4]],
  );
});

test("a broadcast costs a node only where all its elements are asked for, and then once", () => {
  const graph = new GraphBuilder();
  const row = float(graph, "row", [3]);
  const wide: Sym = { ...row, shape: [4, 3] };
  assert.is(graph.compact(wide), "row");
  assert.is(graph.whole(row), "row");
  assert.is(graph.whole(wide), graph.whole({ ...row, shape: [4, 3] }));
  const { nodes } = graph.finish("g", { wide });
  assert.equal(
    nodes.map(({ op, inputs, outputs }) => [op, inputs[0], outputs]),
    [["Expand", "row", ["wide"]]],
  );
});

test("fresh nodes are made anew, are merged among themselves and forgotten afterwards", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", [2]);
  const exp = () => graph.node({ op: "Exp", inputs: [graph.whole(x)] }, x);
  const kept = exp();
  const [first, again, inner] = graph.fresh(() => [exp(), exp(), graph.fresh(exp)] as const);
  assert.is(first, again);
  assert.is.not(first, kept);
  assert.is.not(inner, first);
  assert.is.not(graph.fresh(exp), first);
  assert.is(exp(), kept);
  assert.throws(() =>
    graph.fresh(() => {
      throw new Error("stop");
    }),
  );
  assert.is(exp(), kept, "also after an error");
});

test("what is made once is the same inside of fresh nodes, which go on after it", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", [2]);
  const exp = () => graph.node({ op: "Exp", inputs: [graph.whole(x)] }, x);
  const kept = exp();
  const [before, once, after] = graph.fresh(() => [exp(), graph.once(exp), exp()] as const);
  assert.is(once, kept);
  assert.is.not(before, kept);
  assert.is(after, before);
});

test("outputs that are constants or broadcasts exist as a whole", () => {
  const graph = new GraphBuilder();
  const row = float(graph, "row", [2]);
  const { nodes } = graph.finish("g", {
    table: graph.constant([1, 2], [2], "float32"),
    ones: graph.constant([1, 1], [2], "float32"),
    rows: { ...row, shape: [3, 2] },
  });
  const byOutput = new Map(nodes.map(({ op, outputs }) => [outputs[0], op]));
  assert.equal(Object.fromEntries(byOutput), { table: "Identity", ones: "Expand", rows: "Expand" });
});

test("a graph can be finished more than once", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", [2]);
  const outputs = { same: x, exp: unary(graph, "Exp", x) };
  const first = graph.finish("g", outputs);
  assert.equal(ops(first), ["Identity", "Exp"]);
  assert.equal(graph.finish("g", outputs), first);
  unary(graph, "Log", x);
  assert.equal(graph.finish("g", outputs), first, "also when other nodes came");
});

test("names that would mean two tensors are refused", () => {
  const graph = new GraphBuilder();
  assert.throws(() => float(graph, "%0", [1]), /must not start with %, got "%0"/);
  const w = { name: "%1", type: "float32", shape: [], bytes: new Uint8Array(4) } as const;
  assert.throws(() => graph.initializer(w), /must not start with %, got "%1"/);
  const x = float(graph, "x", [1]);
  assert.throws(() => graph.finish("step", { x }), /step: "x" names an input and a result/);
});

test("products are of full precision for a while, and of the graph's before and after", () => {
  const graph = new GraphBuilder({ target: "webgpu", precision: "float16" });
  const inside = graph.fullPrecision(() => graph.fresh(() => graph.precision));
  assert.equal([inside, graph.precision], ["float32", "float16"]);
  assert.throws(() =>
    graph.fullPrecision(() => {
      throw new Error("stop");
    }),
  );
  assert.is(graph.precision, "float16", "also after an error");
});

test("shapes that depend on a varying dimension are refused, shapes that merely keep it are not", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", ["t", 3]);
  assert.throws(() => graph.int64([2, x.shape[0]! * 3]), /depends on "t", which varies/);
  assert.throws(() => graph.int64([x.shape[0]! + 1]), /depends on "t", which varies/);
  graph.int64([0, -1, 3, Number.MAX_SAFE_INTEGER]);
  const finished = graph.finish("g", { z: unary(graph, "Exp", x) });
  assert.equal(
    [finished.inputs[0]!.shape, finished.outputs[0]!.shape],
    [
      ["t", 3],
      ["t", 3],
    ],
  );
});

test("constants that depend on a varying dimension are refused, one number in such a shape is not", () => {
  const graph = new GraphBuilder();
  const t = float(graph, "x", ["t", 3]).shape[0]!;
  assert.equal(graph.constant([1, 1, 1], [t], "float32").shape, [t]);
  assert.throws(() => graph.constant([t], [], "float32"), /a number inside the step depends on "t"/);
  assert.throws(() => graph.constant([1 / t], [], "float32"), /a number inside the step depends on "t"/);
  assert.throws(() => graph.constant([2, t, 3], [3], "int32"), /a number inside the step depends on "t"/);
  assert.throws(() => graph.scalar(t - 1, "float32"), /a number inside the step depends on "t"/);
  assert.throws(() => graph.constant([0, 1, 2], [t], "int32"), /a shape inside the step depends on "t"/);
});

test.run();
