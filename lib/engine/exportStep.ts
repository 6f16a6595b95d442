/** Steps as ONNX files for other programs: with ONNX's own operators alone, and with the weights inside. */
import { FileError } from "../errors.js";
import { checkStep } from "./checkInputs.js";
import "./lowerings/index.js";
import { type OnnxGraph, type OnnxNode, type OnnxValue, writeModel } from "./onnx.js";
import { trace } from "./traceBackend.js";
import type { Step, StepOptions } from "./types.js";

export type ExportedStep = {
  /** The file's contents. */
  readonly model: Uint8Array;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** In the order in which they can run. */
  readonly nodes: readonly OnnxNode[];
};

/**
 * Traces a step into an ONNX file that any runtime of its operator set runs. It is written as for WebGPU, which has none
 * of the fused operators that ONNX Runtime adds for CPUs.
 * @throws FileError when it would be larger than an ONNX file can be
 */
export function exportStep(step: Step, options: StepOptions): ExportedStep {
  checkStep(options);
  const traced = trace(step, options, "webgpu");
  expectStandard(traced);
  expectRoom(traced);
  // Our own sessions want consumers first; the format wants every node after those whose results it reads.
  const graph: OnnxGraph = { ...traced, nodes: [...traced.nodes].reverse() };
  return { model: writeModel(graph), inputs: graph.inputs, outputs: graph.outputs, nodes: graph.nodes };
}

function expectStandard({ name, nodes }: OnnxGraph): void {
  const odd = nodes.find(({ domain }) => domain !== "");
  if (odd) throw new Error(`${name}: ${odd.op} of ${odd.domain} is not an operator of ONNX`);
}

/** Protocol buffers, which ONNX files are, end here. */
const MOST_BYTES = 2 ** 31 - 1;
const BESIDE_WEIGHTS = 2 ** 24; // nodes and names; those of 32 blocks take less than a megabyte

function expectRoom({ name, initializers }: OnnxGraph): void {
  const bytes = initializers.reduce((sum, tensor) => sum + tensor.bytes.byteLength, 0);
  if (bytes <= MOST_BYTES - BESIDE_WEIGHTS) return;
  throw new FileError(
    `${name}: weights of ${bytes} bytes are more than one ONNX file can hold (2 GiB); export safetensors alone`,
  );
}
