/** Ways in and out for tensors that stay on a device of their own. */
import { MadeOnce } from "../promises.js";
import { mapNames, mapValues } from "../records.js";
import type {
  DeviceTensor,
  HostTensor,
  NamedDeviceTensors,
  NamedHostTensors,
  Resident,
  ResidentProgram,
  Step,
  TensorSpec,
} from "./types.js";

/**
 * Completes what compiles for a device with the copies to it and from it.
 *
 * A copy is a program of nodes that compute nothing, since `Tensor.getData` of onnxruntime-node ends the process. Such
 * programs are kept, one for every set of names and shapes: those to the device own the memory that they gave out.
 */
export function createResident(compile: Resident["compile"]): Resident {
  const programs = new MadeOnce<ResidentProgram>();
  const copy = async (tensors: Record<string, HostTensor | DeviceTensor>, stays: boolean): Promise<Copies> => {
    const inputs = specsOf(tensors);
    const program = await programs.of(JSON.stringify([stays, inputs]), () =>
      compile(copyStep, { name: stays ? "place" : "fetch", inputs }, () => stays),
    );
    const { host, device } = await program.run(tensors);
    return { host: mapNames(host, originalName), device: mapNames(device, originalName) };
  };
  return {
    compile,
    place: async (tensors) => (isEmpty(tensors) ? {} : (await copy(tensors, true)).device),
    fetch: async (tensors) => (isEmpty(tensors) ? {} : (await copy(tensors, false)).host),
  };
}

/** Gives the memory of tensors back; they must not be used afterwards. */
export function disposeAll(tensors: NamedDeviceTensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

type Copies = { readonly host: NamedHostTensors; readonly device: NamedDeviceTensors };

const COPY = "copy of ";
const originalName = (name: string) => name.slice(COPY.length);
const copyStep: Step = (given) => mapNames(given, (name) => COPY + name);

const isEmpty = (named: object) => Object.keys(named).length === 0;

function specsOf(tensors: Record<string, HostTensor | DeviceTensor>): Record<string, TensorSpec> {
  return mapValues(tensors, ({ dtype, shape }) => ({ dtype, shape }));
}
