/** ONNX models that other programs wrote, as they are. */
import { access } from "node:fs/promises";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { FileError, firstLine } from "../errors.js";
import { type OnnxEngineOptions, sessionOptions } from "./onnxruntime.js";
import { loadOrt } from "./ort.js";
import { fromOrt, toOrt } from "./sessionProgram.js";
import type { HostTensor, NamedHostTensors } from "./types.js";

/** What a model says of an input or output; dimensions that it leaves open are strings. */
export type OnnxTensorInfo = {
  readonly name: string;
  /** ONNX Runtime's name of the element type, as "float32" or "uint8"; "none" of what is no tensor. */
  readonly type: string;
  readonly shape: readonly (number | string)[];
};

export type OnnxModel = {
  readonly inputs: readonly OnnxTensorInfo[];
  readonly outputs: readonly OnnxTensorInfo[];
  /**
   * One output of one run.
   * @throws FileError when the model refuses its inputs
   */
  run(inputs: NamedHostTensors, output: string): Promise<HostTensor>;
  close(): Promise<void>;
};

/**
 * Opens an ONNX file on the CPU, with external data where it has any.
 * @throws FileError when it is missing, damaged, or has operators that ONNX Runtime does not know
 * @throws EngineError when onnxruntime-node does not load
 */
export async function openOnnxModel(file: string, options: OnnxEngineOptions = {}): Promise<OnnxModel> {
  await access(file).catch((cause) => {
    throw new FileError(`${file}: no such ONNX file`, { cause });
  });
  const ort = await loadOrt();
  const refuse = (what: string) => (cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FileError(`${file}: ${what}: ${firstLine(reason)}`, { cause });
  };
  const session = await ort.InferenceSession.create(file, sessionOptions(options)).catch(
    refuse("not an ONNX model that ONNX Runtime can run"),
  );
  return {
    inputs: session.inputMetadata.map(infoOf),
    outputs: session.outputMetadata.map(infoOf),
    run: async (inputs, output) => {
      const feeds: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrt(ort, tensor);
      const results = await session.run(feeds, [output]).catch(refuse("it does not run"));
      return fromOrt(file, results)[output]!;
    },
    close: () => session.release(),
  };
}

function infoOf(value: InferenceSession.ValueMetadata): OnnxTensorInfo {
  const { name } = value;
  return value.isTensor ? { name, type: value.type, shape: value.shape } : { name, type: "none", shape: [] };
}
