/** Programs on a session of ONNX Runtime: tensors of the host and of its device, in and out. */
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { checkInputs } from "./checkInputs.js";
import type { Ort } from "./ort.js";
import type {
  DeviceTensor,
  DType,
  HostTensor,
  NamedDeviceTensors,
  NamedHostTensors,
  ResidentProgram,
  StepOptions,
} from "./types.js";
import { untilDisposed } from "./untilDisposed.js";

/** What a program needs of a session. */
export type OpenSession = Pick<InferenceSession, "inputNames" | "release"> & {
  run(feeds: InferenceSession.FeedsType): Promise<InferenceSession.ReturnType>;
};

/**
 * A program that checks what it is given before the session, which it owns, gets it. Constants, of which the session has copies,
 * are not kept.
 */
export function sessionProgram(ort: Ort, { name, inputs }: StepOptions, session: OpenSession): ResidentProgram {
  const { expectAlive, dispose } = untilDisposed(name, () => session.release());
  return {
    name,
    async run(given) {
      expectAlive();
      checkInputs({ name, inputs }, given);
      const feeds: Record<string, Tensor> = {};
      for (const key of session.inputNames) feeds[key] = feedOf(ort, given[key]!);
      return sortResults(name, await session.run(feeds));
    },
    dispose,
  };
}

class OrtDeviceTensor implements DeviceTensor {
  constructor(
    readonly tensor: Tensor,
    readonly dtype: DType,
    readonly shape: readonly number[],
  ) {}

  dispose(): void {
    this.tensor.dispose();
  }
}

function feedOf(ort: Ort, tensor: HostTensor | DeviceTensor): Tensor {
  if (tensor instanceof OrtDeviceTensor) return tensor.tensor;
  if ("data" in tensor) return toOrt(ort, tensor);
  throw new TypeError("a program was given a device tensor of another engine");
}

/** Results by where they are. */
function sortResults(step: string, results: InferenceSession.ReturnType) {
  const host: NamedHostTensors = {};
  const device: NamedDeviceTensors = {};
  for (const [name, value] of Object.entries(results)) {
    const tensor = value as Tensor;
    const dtype = expectType(step, name, tensor);
    if (tensor.location === "gpu-buffer") device[name] = new OrtDeviceTensor(tensor, dtype, tensor.dims);
    else host[name] = { dtype, data: tensor.data as Float32Array | Int32Array, shape: tensor.dims };
  }
  return { host, device };
}

/** A host tensor as ONNX Runtime takes it, not copied. */
export function toOrt(ort: Ort, { dtype, data, shape }: HostTensor): Tensor {
  return dtype === "float32"
    ? new ort.Tensor("float32", data as Float32Array, shape)
    : new ort.Tensor("int32", data as Int32Array, shape);
}

/** The memory of tensors, each of which has its own: to hand it over to another thread. */
export function memoryOf(tensors: NamedHostTensors): ArrayBuffer[] {
  return Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer);
}

/**
 * Results as host tensors.
 * @throws RangeError when one is neither float32 nor int32
 */
export function fromOrt(step: string, results: InferenceSession.ReturnType): NamedHostTensors {
  return sortResults(step, results).host;
}

function expectType(step: string, name: string, { type }: Tensor): DType {
  if (type === "float32" || type === "int32") return type;
  throw new RangeError(`${step}: result "${name}" is ${type}; steps return float32 or int32, cast it in the step`);
}
