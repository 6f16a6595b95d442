/** The default engine: steps traced into ONNX graphs and run by onnxruntime-node. */
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { EngineError } from "../errors.js";
import { checkInputs, checkStep } from "./checkInputs.js";
import "./lowerings/index.js";
import { writeSplitModel } from "./onnx.js";
import { trace } from "./traceBackend.js";
import type { Engine, HostTensor, NamedHostTensors, Program, Step, StepOptions } from "./types.js";

export type OnnxEngineOptions = {
  /**
   * Threads inside one operation; ONNX Runtime's own choice (one a core) when absent. The same number gives the same
   * bits; another one may change the last bits of matrix products whose inner size is above 128.
   */
  readonly threads?: number;
  /** Whether idle threads spin between operations: faster on a quiet machine, slower on a shared one. */
  readonly spinning?: boolean;
};

export type Ort = typeof import("onnxruntime-node");

/**
 * An engine on onnxruntime-node's CPU provider.
 * @throws EngineError when the package does not load
 */
export async function createOnnxEngine(options: OnnxEngineOptions = {}): Promise<Engine> {
  const ort = await loadOrt();
  return {
    name: "onnxruntime",
    device: "cpu",
    compile: (step, stepOptions) => compile(ort, options, { step, stepOptions }),
  };
}

/** @throws EngineError when onnxruntime-node does not load */
export async function loadOrt(): Promise<Ort> {
  try {
    const module = (await import("onnxruntime-node")) as Ort & { default?: Ort };
    return module.default ?? module;
  } catch (cause) {
    throw new EngineError(
      "onnxruntime-node did not load; run `npm ci` again on this machine, or see `vitvq doctor` for the reason",
      { cause },
    );
  }
}

async function compile(
  ort: Ort,
  options: OnnxEngineOptions,
  { step, stepOptions }: { step: Step; stepOptions: StepOptions },
): Promise<Program> {
  checkStep(stepOptions);
  const { name } = stepOptions;
  const { model, files } = writeSplitModel(trace(step, stepOptions, "cpu"));
  const session = await ort.InferenceSession.create(model, { ...sessionOptions(options), externalData: files });
  let disposed = false;
  return {
    name,
    async run(inputs) {
      if (disposed) throw new Error(`${name}: the program was disposed and cannot run`);
      checkInputs(stepOptions, inputs);
      const feeds: Record<string, Tensor> = {};
      for (const key of session.inputNames) feeds[key] = toOrt(ort, inputs[key]!);
      return fromOrt(name, await session.run(feeds));
    },
    async dispose() {
      if (!disposed) await session.release();
      disposed = true;
    },
  };
}

/** How sessions are made: what order nodes run in and which of them are merged depends on it. */
export function sessionOptions({ threads, spinning = false }: OnnxEngineOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    enableMemPattern: false, // half the memory, same speed
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    extra: {
      // Merging equal nodes would undo recomputation; the graph builder has merged the others already.
      optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
      session: { intra_op: { allow_spinning: spinning ? "1" : "0" } },
    },
  };
}

/** A host tensor as ONNX Runtime takes it, not copied. */
export function toOrt(ort: Ort, { dtype, data, shape }: HostTensor): Tensor {
  return dtype === "float32"
    ? new ort.Tensor("float32", data as Float32Array, shape)
    : new ort.Tensor("int32", data as Int32Array, shape);
}

/**
 * Results as host tensors.
 * @throws RangeError when one is neither float32 nor int32
 */
export function fromOrt(step: string, results: InferenceSession.OnnxValueMapType): NamedHostTensors {
  const tensors: NamedHostTensors = {};
  for (const [name, value] of Object.entries(results)) {
    const { type, data, dims } = value as Tensor;
    if (type !== "float32" && type !== "int32")
      throw new RangeError(`${step}: result "${name}" is ${type}; steps return float32 or int32, cast it in the step`);
    tensors[name] = { dtype: type, data: data as Float32Array | Int32Array, shape: dims };
  }
  return tensors;
}
