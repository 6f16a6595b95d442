/** What ONNX Runtime computes on CUDA, as far as graphs here use it. */

import type { TracedGraph } from "../../../lib/engine/finishGraph.js";
import type { ElementType } from "../../../lib/engine/onnx.js";

const FLOAT = ["float32"] as const;
const SIGNED = ["float32", "int32"] as const;
const NUMBERS = ["float32", "int32", "uint32"] as const;
const MOVED = ["float32", "int32", "uint32", "bool"] as const;

/**
 * Element types of the operand that decides, by operator.
 * Source: docs/OperatorKernels.md of ONNX Runtime 1.30, "Operators implemented by CUDAExecutionProvider", at opset 20.
 */
const KERNELS: Readonly<Record<string, readonly ElementType[]>> = {
  Abs: NUMBERS,
  Add: NUMBERS,
  And: ["bool"],
  ArgMax: FLOAT,
  ArgMin: FLOAT,
  Cast: MOVED,
  Ceil: FLOAT,
  Concat: MOVED,
  Conv: FLOAT,
  ConvTranspose: FLOAT,
  CumSum: SIGNED,
  Div: NUMBERS,
  Equal: [...NUMBERS, "bool"],
  Erf: FLOAT,
  Exp: FLOAT,
  Expand: MOVED,
  Floor: FLOAT,
  Gather: MOVED,
  Gelu: FLOAT,
  Greater: NUMBERS,
  GreaterOrEqual: NUMBERS,
  Identity: MOVED,
  LayerNormalization: FLOAT,
  LeakyRelu: FLOAT,
  Less: NUMBERS,
  LessOrEqual: NUMBERS,
  Log: FLOAT,
  MatMul: FLOAT,
  Max: NUMBERS,
  MaxPool: FLOAT,
  Min: NUMBERS,
  Mul: NUMBERS,
  Neg: SIGNED,
  Not: ["bool"],
  Or: ["bool"],
  Pad: ["float32", "bool"],
  Pow: SIGNED,
  Reciprocal: FLOAT,
  ReduceMax: SIGNED,
  ReduceMean: SIGNED,
  ReduceMin: SIGNED,
  ReduceSum: SIGNED,
  Relu: FLOAT,
  Reshape: MOVED,
  Sigmoid: FLOAT,
  Sign: NUMBERS,
  Slice: MOVED,
  Softmax: FLOAT,
  Softplus: FLOAT,
  Split: MOVED,
  Sqrt: FLOAT,
  Sub: NUMBERS,
  Tanh: FLOAT,
  TopK: SIGNED,
  Transpose: MOVED,
  Where: SIGNED,
};

/** The nodes that CUDA has no kernel for, as `Operator(type)`, each once. */
export function withoutCudaKernel(graph: TracedGraph): string[] {
  const types = new Map<string, ElementType>();
  for (const values of [graph.inputs, graph.outputs, graph.intermediates, graph.initializers])
    for (const { name, type } of values) types.set(name, type);
  const missing = graph.nodes.flatMap(({ op, domain, inputs }) => {
    const operand = inputs[op === "Where" ? 1 : 0];
    const type = types.get(operand ?? "");
    const known = domain === "" && type !== undefined && KERNELS[op]?.includes(type);
    return known ? [] : [`${domain}${op}(${type})`];
  });
  return [...new Set(missing)];
}
