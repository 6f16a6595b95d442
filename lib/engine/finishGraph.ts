/** Makes a graph of what was appended while a step was traced. */
import { expectOutsideName, type Initializers } from "./initializers.js";
import type { OnnxGraph, OnnxNode, OnnxValue } from "./onnx.js";
import { singleViews } from "./singleViews.js";
import type { OutputType } from "./symbols.js";

/** A finished graph that still knows the types of what its nodes make besides the outputs. */
export type TracedGraph = OnnxGraph & { readonly intermediates: readonly OnnxValue[] };

export type Unfinished = {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  /** In the order of emission. */
  readonly nodes: readonly OnnxNode[];
  /** Of what the nodes give, by name. */
  readonly types: ReadonlyMap<string, OutputType>;
  readonly initializers: Initializers;
  readonly results: readonly Result[];
};

/** An output of the graph. */
export type Result = {
  readonly output: OnnxValue;
  /** Name of the value that it is. */
  readonly value: string;
  /** So many nodes were there when it was asked for: if it must be copied, the copy comes behind them. */
  readonly after: number;
};

/**
 * A graph of the nodes that its results need. They come in **reverse** order of emission: ONNX Runtime walks from the
 * outputs and visits later nodes of the file first, so a reversed file runs in the order of emission, backward pieces right
 * before their use; otherwise every recomputed tensor would be made early and kept alive.
 * @throws RangeError for a result whose name internal tensors, an input or weights may have
 */
export function finishGraph(unfinished: Unfinished): TracedGraph {
  const { name, inputs, types, initializers, results } = unfinished;
  for (const { output } of results) expectNewName(unfinished, output.name);
  const renamed = outputNames(unfinished);
  const wanted = new Set([...renamed.keys(), ...results.map(({ output }) => output.name)]);
  const rename = (value: string) => renamed.get(value) ?? value;
  const nodes = singleViews(needed(withCopies(unfinished, renamed), wanted), wanted).map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const intermediates = [...types].flatMap(([value, { type, shape }]) =>
    made.has(value) ? [{ name: value, type, shape }] : [],
  );
  return {
    name,
    nodes: nodes.reverse(),
    inputs,
    outputs: results.map(({ output }) => output),
    intermediates,
    initializers: initializers.among(read),
  };
}

/** Names of the values that nodes give and that are outputs: each is the first output that it is. */
function outputNames({ types, results }: Unfinished): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const { output, value } of results) if (types.has(value) && !renamed.has(value)) renamed.set(value, output.name);
  return renamed;
}

/** The nodes, and among them copies of the results whose values do not have their names: inputs, constants, other results. */
function withCopies({ nodes, results }: Unfinished, renamed: ReadonlyMap<string, string>): OnnxNode[] {
  const all = [...nodes];
  for (const { output, value, after } of results.toReversed())
    if (renamed.get(value) !== output.name)
      all.splice(after, 0, { op: "Identity", domain: "", inputs: [value], outputs: [output.name], attributes: {} });
  return all;
}

/** The nodes that `wanted` values need, in the same order. */
function needed(nodes: readonly OnnxNode[], wanted: ReadonlySet<string>): OnnxNode[] {
  const all = new Set(wanted);
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => all.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) all.add(input);
  }
  return kept.reverse();
}

function expectNewName({ name, inputs, initializers }: Unfinished, output: string): void {
  expectOutsideName(output);
  if (inputs.some((input) => input.name === output) || initializers.has(output))
    throw new RangeError(`${name}: "${output}" names an input and a result; ONNX wants different names`);
}
