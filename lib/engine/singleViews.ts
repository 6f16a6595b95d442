import type { OnnxNode } from "./onnx.js";

/**
 * Nodes without those that only give a shape which the next node, their only reader, replaces by another. ONNX Runtime leaves
 * them out as well, but puts new nodes behind all others, and one that makes an output is then the first that its walk
 * visits: all it needs would run, and stay, before the outputs that come earlier.
 */
export function singleViews(nodes: readonly OnnxNode[], outputs: ReadonlySet<string>): OnnxNode[] {
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  const kept = new Map<string, OnnxNode>(); // by the name of the first output
  for (const node of nodes) {
    const before = kept.get(node.inputs[0] ?? "");
    const name = before?.outputs[0];
    if (
      node.op !== "Reshape" ||
      before?.op !== "Reshape" ||
      name === undefined ||
      outputs.has(name) ||
      readers.get(name) !== 1
    ) {
      kept.set(node.outputs[0]!, node);
      continue;
    }
    kept.delete(name);
    kept.set(node.outputs[0]!, { ...node, inputs: [before.inputs[0]!, ...node.inputs.slice(1)] });
  }
  return [...kept.values()];
}
