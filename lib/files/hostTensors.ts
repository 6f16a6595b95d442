/** Whole safetensors files as the engine's host tensors, and the identity of a set of weights. */
import { createHash } from "node:crypto";
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { bytesOf } from "./bytes.js";
import { toHostTensor } from "./elements.js";
import { type FileTensor, openSafetensors, writeSafetensors } from "./safetensors.js";

/** Everything in one file. */
export type HostFile = {
  readonly tensors: NamedHostTensors;
  readonly metadata: Readonly<Record<string, string>>;
};

/**
 * Reads all tensors of a safetensors file: F32, F16 and BF16 as float32 (exactly), I32 as int32.
 * @throws FileError when the file is damaged or holds another type
 */
export async function readHostTensors(path: string): Promise<HostFile> {
  const file = await openSafetensors(path);
  try {
    const tensors: [string, HostTensor][] = [];
    for (const name of file.tensors.keys()) tensors.push([name, toHost(path, name, await file.read(name))]);
    return { tensors: Object.fromEntries(tensors), metadata: file.metadata };
  } finally {
    await file.close();
  }
}

/**
 * Writes host tensors atomically as F32 and I32; equal tensors and metadata give equal bytes.
 * @throws RangeError when a tensor's data do not fit its dtype or shape
 */
export async function writeHostTensors(
  path: string,
  tensors: NamedHostTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const stored = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    return [name, { dtype: dtype === "float32" ? "F32" : "I32", shape, data } as FileTensor];
  });
  await writeSafetensors(path, Object.fromEntries(stored), metadata);
}

/**
 * Identity of weights, whatever the file and metadata they come from: SHA-256 over name, type, shape and bytes of each
 * tensor, in the order of names.
 * @returns 64 hexadecimal digits
 */
export function weightsHash(tensors: NamedHostTensors): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(tensors).sort()) {
    const { dtype, shape, data } = tensors[name]!;
    hash.update(`${JSON.stringify([name, dtype, shape])}\n`);
    const bytes = bytesOf(data);
    for (let at = 0; at < bytes.length; at += HASH_CHUNK) hash.update(bytes.subarray(at, at + HASH_CHUNK));
  }
  return hash.digest("hex");
}

const HASH_CHUNK = 2 ** 30; // bytes; one update call takes less than 2^31

/** Types that weights here are kept in; anything else in such a file is not ours. */
const WEIGHT_TYPES = ["F32", "F16", "BF16", "I32"];

function toHost(path: string, name: string, tensor: FileTensor): HostTensor {
  const what = `${path}: tensor "${name}"`;
  if (!WEIGHT_TYPES.includes(tensor.dtype))
    throw new FileError(`${what} is ${tensor.dtype}; want F32, F16, BF16 or I32`);
  return toHostTensor(what, tensor);
}
