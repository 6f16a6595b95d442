/** What a step costs, told from its graph without running it. */

import { sizeOf } from "../shapes.js";
import type { TracedGraph } from "./finishGraph.js";
import "./lowerings/index.js";
import type { ElementType, OnnxNode } from "./onnx.js";
import { trace } from "./traceBackend.js";
import type { Step, StepOptions } from "./types.js";

export type StepCost = {
  /** Multiply-adds of matrix products and convolutions. */
  readonly multiplyAdds: number;
  /** Bytes that every other node reads and writes. */
  readonly movedBytes: number;
  /** Most bytes that intermediates and results take at one time; inputs belong to the caller. */
  readonly peakBytes: number;
  readonly resultBytes: number;
};

/** The cost of a step on onnxruntime's CPU provider, every dimension fixed. */
export function stepCost(step: Step, options: StepOptions): StepCost {
  return graphCost(trace(step, options, "cpu"));
}

/** The cost of a graph, run in ONNX Runtime's order with buffers freed after their last use. */
export function graphCost(graph: TracedGraph): StepCost {
  const values = new Map<string, Value>();
  for (const { name, type, shape } of [
    ...graph.inputs,
    ...graph.initializers,
    ...graph.intermediates,
    ...graph.outputs,
  ])
    values.set(name, { shape: shape.map(Number), bytes: sizeOf(shape.map(Number)) * BYTES[type] });
  let multiplyAdds = 0;
  let movedBytes = 0;
  for (const node of graph.nodes) {
    const products = multiplyAddsOf(node, values);
    multiplyAdds += products;
    if (products === 0 && !VIEWS.has(node.op))
      for (const name of [...node.inputs, ...node.outputs]) movedBytes += values.get(name)?.bytes ?? 0;
  }
  const resultBytes = graph.outputs.reduce((sum, { name }) => sum + values.get(name)!.bytes, 0);
  return { multiplyAdds, movedBytes, peakBytes: peakBytes(graph, values), resultBytes };
}

type Value = { readonly shape: readonly number[]; readonly bytes: number };
type Values = ReadonlyMap<string, Value>;

const BYTES = { float32: 4, float16: 2, int32: 4, uint32: 4, int64: 8, uint8: 1, bool: 1 } as const satisfies Record<
  ElementType,
  number
>;

/** Nodes whose output is their input under another shape. */
const VIEWS = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze"]);

/** Nodes that ONNX Runtime lets write over an input of the same size that nothing else reads. */
const IN_PLACE = new Set(
  "Abs Add Cast Clip Cos Div Erf Exp Log Max Min Mul Neg Not Pow Reciprocal Relu Sigmoid Sign Sin Softmax Sqrt Sub Sum Tanh Where".split(
    " ",
  ),
);

function multiplyAddsOf({ op, inputs, outputs, attributes }: OnnxNode, values: Values): number {
  const shape = (name: string | undefined) => values.get(name ?? "")?.shape ?? [];
  const made = sizeOf(shape(outputs[0]));
  switch (op) {
    case "MatMul":
    case "FusedMatMul":
      return made * shape(inputs[0]).at(attributes["transA"] === 1n ? -2 : -1)!;
    case "MultiHeadAttention":
      return 2 * made * shape(inputs[1])[1]!;
    case "Conv":
      return made * sizeOf(shape(inputs[1]).slice(1));
    case "ConvTranspose":
      return sizeOf(shape(inputs[0])) * sizeOf(shape(inputs[1]).slice(1));
    default:
      return 0;
  }
}

/** Walks the graph and keeps account of the buffers alive. */
function peakBytes(graph: TracedGraph, values: Values): number {
  const order = executionOrder(graph);
  const readers = new Map<string, number>();
  for (const node of order) for (const name of node.inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  for (const { name } of graph.outputs) readers.set(name, Number.POSITIVE_INFINITY);
  const buffers = new Map<string, Buffer>();
  let alive = 0;
  let peak = 0;
  for (const node of order) {
    const shared = sharedBuffer(node, { values, readers, buffers });
    node.outputs.forEach((name, i) => {
      const buffer = (i === 0 && shared) || { bytes: values.get(name)?.bytes ?? 0, uses: 0 };
      if (buffer.uses === 0) alive += buffer.bytes;
      buffer.uses += readers.get(name) ?? 0;
      buffers.set(name, buffer);
    });
    peak = Math.max(peak, alive);
    for (const buffer of node.inputs.map((name) => buffers.get(name))) {
      if (!buffer) continue; // an input of the graph
      buffer.uses--;
      if (buffer.uses === 0) alive -= buffer.bytes;
    }
    for (const name of node.outputs) if ((readers.get(name) ?? 0) === 0) alive -= buffers.get(name)?.bytes ?? 0;
  }
  return peak;
}

type Buffer = {
  readonly bytes: number;
  /** Reads still to come. */
  uses: number;
};

/** The buffer of an input that the node's first output lives in as well, if there is one. */
function sharedBuffer(
  { op, inputs, outputs }: OnnxNode,
  { values, readers, buffers }: { values: Values; readers: ReadonlyMap<string, number>; buffers: Map<string, Buffer> },
): Buffer | undefined {
  if (VIEWS.has(op)) return buffers.get(inputs[0]!);
  if (!IN_PLACE.has(op)) return undefined;
  const bytes = values.get(outputs[0]!)?.bytes;
  const dying = inputs.find((name) => {
    const buffer = buffers.get(name);
    const reads = inputs.filter((other) => other === name).length;
    return buffer?.bytes === bytes && buffer?.uses === reads && Number.isFinite(readers.get(name) ?? 0);
  });
  return dying === undefined ? undefined : buffers.get(dying);
}

/**
 * The nodes in the order ONNX Runtime runs them: depth first from the nodes that nothing reads, later nodes of the file
 * first (`Graph::ReverseDFSFrom`).
 */
function executionOrder({ nodes }: TracedGraph): OnnxNode[] {
  const maker = new Map<string, number>();
  nodes.forEach(({ outputs }, i) => {
    for (const name of outputs) maker.set(name, i);
  });
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const leaves = [...nodes.keys()].filter((i) => !nodes[i]!.outputs.some((name) => read.has(name)));
  const order: OnnxNode[] = [];
  const visited = new Set<number>();
  const stack = leaves.map((node) => ({ node, leave: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, leave } = top;
    if (leave) order.push(nodes[node]!);
    if (leave || visited.has(node)) continue;
    visited.add(node);
    stack.push({ node, leave: true });
    const makers = new Set(nodes[node]!.inputs.flatMap((name) => maker.get(name) ?? []));
    for (const before of [...makers].sort((a, b) => a - b))
      if (!visited.has(before)) stack.push({ node: before, leave: false });
  }
  return order;
}
