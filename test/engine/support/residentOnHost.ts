/**
 * An engine that keeps tensors "on a device" that is host memory, to test residency on any machine. It is stricter than
 * a device: reading what was disposed is an error, and what is alive is counted.
 */
import { createResident } from "../../../lib/engine/resident.js";
import type {
  DeviceTensor,
  Engine,
  HostTensor,
  NamedDeviceTensors,
  NamedHostTensors,
  Precision,
  Resident,
} from "../../../lib/engine/types.js";
import { mapValues } from "../../../lib/records.js";

export type ResidentOnHost = Engine & { readonly resident: Resident; live(): number };

export type HostedOptions = {
  /** What the engine says of itself; it computes as it does. */
  readonly precision?: Precision;
  /** Results `gradient/*` beyond this are infinite, as beyond 65,504 in float16. */
  readonly largestGradient?: number;
};

export function residentOnHost(engine: Engine, options: HostedOptions = {}): ResidentOnHost {
  const { precision = "float32", largestGradient = Number.POSITIVE_INFINITY } = options;
  let alive = 0;
  class Held implements DeviceTensor {
    private held: HostTensor | undefined;
    readonly dtype: HostTensor["dtype"];
    readonly shape: readonly number[];

    constructor(tensor: HostTensor) {
      this.held = { ...tensor, data: tensor.data.slice() };
      this.dtype = tensor.dtype;
      this.shape = tensor.shape;
      alive++;
    }

    read(): HostTensor {
      if (!this.held) throw new Error("a device tensor was read after it was disposed");
      return { ...this.held, data: this.held.data.slice() };
    }

    dispose(): void {
      if (!this.held) throw new Error("a device tensor was disposed twice");
      this.held = undefined;
      alive--;
    }
  }
  const limited = (tensor: HostTensor): HostTensor => {
    const limit = (value: number) => (Math.abs(value) > largestGradient ? Number.POSITIVE_INFINITY : value);
    return { ...tensor, data: tensor.data.map(limit) };
  };
  const toHost = (tensor: HostTensor | DeviceTensor): HostTensor =>
    tensor instanceof Held ? tensor.read() : (tensor as HostTensor);
  const resident = createResident(async (step, options, stays = () => false) => {
    const program = await engine.compile(step, options);
    return {
      ...program,
      async run(inputs) {
        const host: NamedHostTensors = {};
        const device: NamedDeviceTensors = {};
        for (const [name, tensor] of Object.entries(await program.run(mapValues(inputs, toHost))))
          if (stays(name)) device[name] = new Held(name.startsWith("gradient/") ? limited(tensor) : tensor);
          else host[name] = tensor;
        return { host, device };
      },
    };
  });
  return { ...engine, precision, device: "host, as if it were none", resident, live: () => alive };
}
