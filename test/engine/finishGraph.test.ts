import { suite } from "uvu";
import * as assert from "uvu/assert";
import { finishGraph, type Unfinished } from "../../lib/engine/finishGraph.js";
import { Initializers } from "../../lib/engine/initializers.js";
import type { OnnxNode, OnnxValue } from "../../lib/engine/onnx.js";

const test = suite("engine/finishGraph");

const FLOATS = { type: "float32", shape: [2] } as const;

const node = (op: string, inputs: string[], ...outputs: string[]): OnnxNode => ({
  op,
  domain: "",
  inputs,
  outputs,
  attributes: {},
});

/** Nodes over an input x and weights w and v, all of the same type; `results` says which value each output is. */
function unfinished(nodes: readonly OnnxNode[], results: Readonly<Record<string, string>>): Unfinished {
  const initializers = new Initializers();
  for (const name of ["w", "v"]) initializers.add({ name, ...FLOATS, bytes: new Uint8Array(8) });
  const named = (name: string): OnnxValue => ({ name, ...FLOATS });
  return {
    name: "step",
    inputs: [named("x")],
    nodes,
    types: new Map(nodes.flatMap(({ outputs }) => outputs.map((output) => [output, FLOATS] as const))),
    initializers,
    results: Object.entries(results).map(([output, value]) => ({
      output: named(output),
      value,
      after: nodes.length,
    })),
  };
}

const namesOf = (values: readonly { readonly name: string }[]) => values.map(({ name }) => name);

test("the graph holds what its results need, in reverse order of emission", () => {
  const nodes = [
    node("Exp", ["x"], "%0"),
    node("Sin", ["%0"], "%1"),
    node("Mul", ["%1", "v"], "%2"),
    node("Split", ["%0"], "%3", "%4"),
    node("Mul", ["%4", "w"], "%5"),
    node("Abs", ["x"], "%6"),
  ];
  const graph = finishGraph(unfinished(nodes, { abs: "%6", product: "%5" }));
  assert.equal(graph.nodes, [
    node("Abs", ["x"], "abs"),
    node("Mul", ["%4", "w"], "product"),
    node("Split", ["%0"], "%3", "%4"),
    node("Exp", ["x"], "%0"),
  ]);
  assert.is(graph.name, "step");
  assert.equal([graph.inputs, graph.outputs, graph.initializers].map(namesOf), [["x"], ["abs", "product"], ["w"]]);
  assert.equal(
    graph.intermediates,
    ["%0", "%3", "%4"].map((name) => ({ name, ...FLOATS })),
  );
});

test("a result has the name of its output, also where other nodes read it", () => {
  const { nodes } = finishGraph(
    unfinished([node("Exp", ["x"], "%0"), node("Log", ["%0"], "%1")], { log: "%1", exp: "%0" }),
  );
  assert.equal(nodes, [node("Log", ["exp"], "log"), node("Exp", ["x"], "exp")]);
});

test("results that are inputs, weights or other results are copied", () => {
  const { nodes } = finishGraph(
    unfinished([node("Exp", ["x"], "%0")], { same: "x", made: "%0", again: "%0", weight: "w" }),
  );
  assert.equal(nodes, [
    node("Identity", ["w"], "weight"),
    node("Identity", ["made"], "again"),
    node("Identity", ["x"], "same"),
    node("Exp", ["x"], "made"),
  ]);
});

test("a copy comes behind the nodes that were there when it was asked for", () => {
  const given = unfinished([node("Exp", ["x"], "%0"), node("Sin", ["x"], "%1")], {
    a: "x",
    b: "x",
    exp: "%0",
    sin: "%1",
  });
  const results = given.results.map((result) => ({ ...result, after: 1 }));
  assert.equal(finishGraph({ ...given, results }).nodes, [
    node("Sin", ["x"], "sin"),
    node("Identity", ["x"], "b"),
    node("Identity", ["x"], "a"),
    node("Exp", ["x"], "exp"),
  ]);
});

test("what it is given stays as it is", () => {
  const given = unfinished([node("Exp", ["x"], "%0"), node("Sin", ["x"], "%1")], { exp: "%0", same: "x" });
  const before = structuredClone({ nodes: given.nodes, results: given.results, types: given.types });
  const first = finishGraph(given);
  assert.equal({ nodes: given.nodes, results: given.results, types: given.types }, before);
  assert.equal(finishGraph(given), first);
});

test("names that would mean two tensors are refused", () => {
  const nodes = [node("Exp", ["x"], "%0")];
  const finish = (name: string) => finishGraph(unfinished(nodes, { [name]: "%0" }));
  assert.throws(() => finish("x"), /step: "x" names an input and a result/);
  assert.throws(() => finish("w"), /step: "w" names an input and a result/);
  assert.throws(() => finish("%1"), /must not start with %, got "%1"/);
});

test.run();
