import type { HostTensor } from "../engine/types.js";
import { FileError } from "../errors.js";
import { ByteFile } from "./byteFile.js";
import { toHostTensor } from "./elements.js";
import { openSafetensors } from "./safetensors.js";
import type { TensorInfo } from "./safetensorsHeader.js";
import { below, type StateDictOptions, stateDict } from "./torch/stateDict.js";
import { beginning, openTorchFile, START_BYTES, torchFormat } from "./torch/torchCheckpoint.js";
import type { LazyTensor } from "./torch/torchTensor.js";

/** Named tensors in a file of either kind, read one by one. */
export type WeightsFile = {
  readonly path: string;
  readonly format: "safetensors" | "torch";
  /** Type as stored, and shape, by name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * A tensor, dense, floating types as float32 and the others as int32.
   * @throws FileError when there is no such tensor, or a value is beyond float32 or int32
   */
  read(name: string): Promise<HostTensor>;
  close(): Promise<void>;
};

/**
 * Opens a safetensors file or a file of torch.save; its first bytes tell which.
 * @param options which part of it; `at` is for torch.save alone
 * @throws FileError when it is neither, damaged, or has nothing where the options point
 */
export async function openWeights(path: string, options: StateDictOptions = {}): Promise<WeightsFile> {
  const format = await formatOf(path);
  const { tensors, close } = await (format === "torch" ? openTorch(path, options) : openSafe(path, options));
  const read = async (name: string): Promise<HostTensor> => {
    const tensor = tensors.get(name);
    if (tensor) return tensor.read();
    const some = [...tensors.keys()].slice(0, 5).join(", ") + (tensors.size > 5 ? `, ... (${tensors.size})` : "");
    throw new FileError(`${path}: no tensor "${name}"; the file holds ${some || "none"}`);
  };
  return { path, format, tensors, read, close };
}

const JSON_START = 8; // byte where the header of a safetensors file begins

type Opened = { tensors: ReadonlyMap<string, LazyTensor>; close: () => Promise<void> };

async function formatOf(path: string): Promise<"safetensors" | "torch"> {
  const file = await ByteFile.open(path);
  try {
    const start = await file.read(0, Math.min(START_BYTES, file.size));
    if (torchFormat(start)) return "torch";
    if (start[JSON_START] === "{".charCodeAt(0)) return "safetensors";
    throw new FileError(`${path}: neither a safetensors file nor one of torch.save: ${beginning(start)}`);
  } finally {
    await file.close();
  }
}

async function openTorch(path: string, options: StateDictOptions): Promise<Opened> {
  const file = await openTorchFile(path);
  return closingOnError(file, () => stateDict(file, options));
}

async function openSafe(path: string, { prefix }: StateDictOptions): Promise<Opened> {
  const file = await openSafetensors(path);
  const lazy = (name: string, { dtype, shape }: TensorInfo): LazyTensor => {
    return { dtype, shape, read: async () => toHostTensor(`${path}: tensor "${name}"`, await file.read(name)) };
  };
  return closingOnError(file, () =>
    below(path, new Map([...file.tensors].map(([name, info]) => [name, lazy(name, info)])), prefix),
  );
}

async function closingOnError(
  file: { close(): Promise<void> },
  select: () => ReadonlyMap<string, LazyTensor>,
): Promise<Opened> {
  try {
    return { tensors: select(), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
