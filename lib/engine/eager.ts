import * as tf from "@tensorflow/tfjs";
import { EngineError } from "../errors.js";
import { mapValues } from "../records.js";
import { checkInputs, checkStep } from "./checkInputs.js";
import { brokenTensorflow, loadTensorflow, type TensorflowOptions } from "./tensorflow.js";
import { repairKernels } from "./tensorflowKernels.js";
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, Program, Step, StepOptions } from "./types.js";
import { untilDisposed } from "./untilDisposed.js";

/** tfjs backends that run steps eagerly: pure JavaScript (slow; the judge in tests) and the native TensorFlow. */
export type EagerBackend = "cpu" | "tensorflow";

/**
 * An engine that calls the step function at every run on a tfjs backend, everything it makes disposed afterwards.
 * @param options of TensorFlow; pure JavaScript has none
 * @throws EngineError when `backend` is `"tensorflow"` and its package is absent or broken
 */
export async function createEagerEngine(backend: EagerBackend, options: TensorflowOptions = {}): Promise<Engine> {
  tf.enableProdMode(); // keeps tfjs from advising on the console to install its native package
  const device = backend === "cpu" ? "javascript" : await startTensorflow(options);
  return {
    name: "tensorflow",
    device,
    async compile(step, stepOptions) {
      checkStep(stepOptions);
      return eagerProgram(backend, step, stepOptions);
    },
  };
}

/**
 * Calls `body` with `backend` as the active tfjs backend and puts the former one back, also when `body` throws. The
 * active backend is global, so `body` must not wait for anything. (If none was active yet, `backend` stays.)
 * @throws EngineError when there is no such backend, or it cannot start without waiting
 */
export function withBackend<T>(backend: string, body: () => T): T {
  // Starts the backend if need be; from then on setBackend takes effect before it returns.
  if (!tf.findBackend(backend)) throw new EngineError(`tfjs has no backend "${backend}"`);
  const former: string | undefined = tf.engine().backendName;
  void tf.setBackend(backend);
  try {
    return body();
  } finally {
    if (former !== undefined) void tf.setBackend(former);
  }
}

/** Loads TensorFlow, lets it add two numbers (some versions load and then fail at the first kernel), names its device. */
async function startTensorflow(options: TensorflowOptions): Promise<string> {
  const name = await loadTensorflow(options);
  try {
    return withBackend("tensorflow", () => {
      repairKernels();
      tf.tidy(() => tf.add(tf.scalar(1), tf.scalar(1)).dataSync());
      const backend: object = tf.backend();
      return "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true ? "gpu" : "cpu";
    });
  } catch (error) {
    throw brokenTensorflow(name, error);
  }
}

/** Version of the TensorFlow library that was loaded, as it says itself; undefined before that. */
export function tensorflowVersion(): string | undefined {
  const backend = tf.findBackend("tensorflow") as { readonly binding?: { readonly TF_Version?: string } } | null;
  return backend?.binding?.TF_Version;
}

function eagerProgram(backend: EagerBackend, step: Step, options: StepOptions): Program {
  const { name, constants = {} } = options;
  const kept = withBackend(backend, () => mapValues(constants, (tensor) => tf.keep(toTensor(tensor))));
  const { expectAlive, dispose } = untilDisposed(name, async () => tf.dispose(kept));
  return {
    name,
    async run(inputs) {
      expectAlive();
      checkInputs(options, inputs);
      return withBackend(backend, () => runOnce(name, step, kept, inputs));
    },
    dispose,
  };
}

function runOnce(name: string, step: Step, constants: NamedTensors, inputs: NamedHostTensors): NamedHostTensors {
  let results: NamedHostTensors = {};
  tf.tidy(() => {
    const outputs = step({ ...constants, ...mapValues(inputs, toTensor) });
    results = mapValues(outputs, (tensor, key) => toHost(`${name}: result "${key}"`, tensor));
  });
  return results;
}

const toTensor = ({ data, shape, dtype }: HostTensor): tf.Tensor => tf.tensor(data, [...shape], dtype);

/** Copies a tensor out: on the JavaScript backend its data may be an input's own, or shared with another result. */
function toHost(what: string, tensor: tf.Tensor): HostTensor {
  const { shape, dtype } = tensor;
  if (dtype === "float32") return { dtype, shape: [...shape], data: new Float32Array(tensor.dataSync()) };
  if (dtype === "int32") return { dtype, shape: [...shape], data: new Int32Array(tensor.dataSync()) };
  throw new RangeError(`${what} is ${dtype}; steps return float32 or int32, cast it in the step`);
}
