import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GraphBuilder, type Sym } from "../../lib/engine/graphBuilder.js";
import type { ElementType, OnnxGraph } from "../../lib/engine/onnx.js";

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

test("equal constants are written once, constants that differ in value, type, shape or sign of zero are not", () => {
  const graph = new GraphBuilder();
  const name = (values: number[], shape: number[], type: ElementType) =>
    graph.compact(graph.constant(values, shape, type));
  assert.is(name([1, 2], [2], "float32"), name([1, 2], [2], "float32"));
  assert.is(graph.int64([1, 2]), graph.int64([1, 2]));
  const different = [
    name([1, 2], [2], "float32"),
    name([1, 2], [1, 2], "float32"),
    name([1, 2], [2], "int32"),
    name([1, 3], [2], "float32"),
    name([0, 1], [2], "float32"),
    name([-0, 1], [2], "float32"),
    name([1, 0], [2], "bool"),
    graph.int64([1, 2]),
    graph.int64([]),
    graph.scalar(0, "float32"),
    graph.scalar(-0, "float32"),
    graph.scalar(Number.NaN, "float32"),
    graph.scalar(Number.NEGATIVE_INFINITY, "float32"),
    graph.scalar(0, "uint32"),
  ];
  assert.is(new Set(different).size, different.length);
});

test("constants of every type are written in their own bytes", () => {
  const written = (type: ElementType, values: number[]) => {
    const graph = new GraphBuilder();
    const sym = graph.constant(values, [values.length], type);
    const out = graph.sym({ op: "Identity", inputs: [graph.compact(sym)] }, sym);
    const { bytes } = graph.finish("g", { out }).initializers[0]!;
    return bytes.slice().buffer;
  };
  assert.equal([...new Float32Array(written("float32", [0.5, -2]))], [0.5, -2]);
  assert.equal([...new Int32Array(written("int32", [-7, 9]))], [-7, 9]);
  assert.equal([...new Uint32Array(written("uint32", [1, 4294967295]))], [1, 4294967295]);
  assert.equal([...new BigInt64Array(written("int64", [-1, 2 ** 40]))], [-1n, 2n ** 40n]);
  assert.equal([...new Uint8Array(written("bool", [0, 1, 5]))], [0, 1, 1]);
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

test("the finished graph holds what its outputs need, in reverse order of emission", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", [2]);
  const exp = unary(graph, "Exp", x);
  const unused = unary(graph, "Sin", exp);
  unary(graph, "Cos", unused);
  const log = unary(graph, "Log", exp);
  const abs = unary(graph, "Abs", x);
  const finished = graph.finish("g", { abs, log });
  assert.equal(ops(finished), ["Abs", "Log", "Exp"]);
  assert.equal(finished.name, "g");
  assert.equal(
    finished.inputs.map(({ name }) => name),
    ["x"],
  );
  assert.equal(
    finished.outputs.map(({ name, shape }) => [name, shape]),
    [
      ["abs", [2]],
      ["log", [2]],
    ],
  );
});

test("of shapes given one after the other the last remains, and those that something else reads", () => {
  const graph = new GraphBuilder();
  const exp = unary(graph, "Exp", float(graph, "x", [4, 6]));
  const shaped = (x: Sym, ...shape: number[]) =>
    graph.sym({ op: "Reshape", inputs: [graph.whole(x), graph.int64(shape)] }, { type: x.type, shape });
  const three = shaped(shaped(shaped(exp, 24), 2, 12), 3, 8);
  const shown = shaped(exp, 6, 4);
  const read = shaped(exp, 8, 3);
  const { nodes, initializers } = graph.finish("g", {
    three,
    shown,
    beside: shaped(shown, 12, 2),
    log: unary(graph, "Log", read),
    after: shaped(read, 1, 24),
  });
  const shapes = new Map(
    initializers.map(({ name, bytes }) => [name, [...new BigInt64Array(bytes.slice().buffer)].join()]),
  );
  assert.equal(
    nodes.toReversed().map(({ op, inputs, outputs }) => [op, inputs[0], shapes.get(inputs[1] ?? ""), outputs[0]]),
    [
      ["Exp", "x", undefined, "%0"],
      ["Reshape", "%0", "3,8", "three"],
      ["Reshape", "%0", "6,4", "shown"],
      ["Reshape", "%0", "8,3", "%5"],
      ["Reshape", "shown", "12,2", "beside"],
      ["Log", "%5", undefined, "log"],
      ["Reshape", "%5", "1,24", "after"],
    ],
  );
});

test("a result has the name of its output, also where other nodes read it", () => {
  const graph = new GraphBuilder();
  const exp = unary(graph, "Exp", float(graph, "x", [2]));
  const finished = graph.finish("g", { log: unary(graph, "Log", exp), exp });
  assert.equal(
    finished.nodes.map(({ inputs, outputs }) => [inputs, outputs]),
    [
      [["exp"], ["log"]],
      [["x"], ["exp"]],
    ],
  );
});

test("outputs that are inputs, constants, weights or other outputs are copied", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", [2]);
  const w = graph.initializer({ name: "w", type: "float32", shape: [1], bytes: new Uint8Array(4) });
  const made = unary(graph, "Exp", x);
  const finished = graph.finish("g", {
    same: x,
    made,
    again: made,
    weight: w,
    table: graph.constant([1, 2], [2], "float32"),
    ones: graph.constant([1, 1], [2], "float32"),
  });
  const byOutput = new Map(finished.nodes.map(({ op, inputs, outputs }) => [outputs[0], [op, inputs[0]]]));
  assert.equal(byOutput.get("same"), ["Identity", "x"]);
  assert.equal(byOutput.get("made"), ["Exp", "x"]);
  assert.equal(byOutput.get("again"), ["Identity", "made"]);
  assert.equal(byOutput.get("weight"), ["Identity", "w"]);
  assert.is(byOutput.get("table")![0], "Identity");
  assert.is(byOutput.get("ones")![0], "Expand");
});

test("names that would mean two tensors are refused", () => {
  const graph = new GraphBuilder();
  assert.throws(() => float(graph, "%0", [1]), /must not start with %, got "%0"/);
  const x = float(graph, "x", [1]);
  graph.initializer({ name: "w", type: "float32", shape: [], bytes: new Uint8Array(4) });
  assert.throws(() => graph.finish("step", { x }), /step: "x" names an input and a result/);
  assert.throws(() => graph.finish("step", { w: x }), /step: "w" names an input and a result/);
  assert.throws(() => graph.finish("step", { "%1": x }), /must not start with %/);
});

test("shapes that depend on a varying dimension are refused, shapes that merely keep it are not", () => {
  const graph = new GraphBuilder();
  const x = float(graph, "x", ["t", 3]);
  const y = float(graph, "y", ["t", "u"]);
  assert.is(x.shape[0], y.shape[0]);
  assert.is.not(y.shape[0], y.shape[1]);
  assert.throws(() => graph.int64([x.shape[0]! * 3]), /depends on "t", which varies/);
  assert.throws(() => graph.int64([2, y.shape[1]!]), /depends on "u", which varies/);
  graph.int64([0, -1, 3, Number.MAX_SAFE_INTEGER]);
  const finished = graph.finish("g", { z: unary(graph, "Exp", x) });
  assert.equal(finished.outputs[0]!.shape, ["t", 3]);
  for (const dim of ["v", "w"]) float(graph, dim, [dim]);
  assert.throws(() => float(graph, "one too many", ["z"]), /at most 4 varying dimensions, at "z"/);
});

test.run();
