import type { TensorType } from "../safetensorsHeader.js";
import { PickleFault, PyGlobal } from "./pickleValues.js";
import { STORAGE_TYPES } from "./torchGlobals.js";

/** What a persistent id says of a storage. */
export type StorageId = {
  readonly key: string;
  /** The storage's class, such as `torch.FloatStorage`. */
  readonly type: PyGlobal;
  /** Undefined for types that are not read here: complex, quantized, ... */
  readonly dtype: TensorType | undefined;
  /** Elements. */
  readonly length: number;
  /** Legacy format: the part of the storage that is meant, or null for all of it. */
  readonly view: unknown;
};

/**
 * Reads the persistent id `("storage", class, key, location, length[, view])` of PyTorch's pickles.
 * @throws PickleFault when it is something else
 */
export function storageId(id: unknown): StorageId {
  if (!Array.isArray(id) || id[0] !== "storage") throw new PickleFault("a persistent id that is no storage");
  const [, type, key, , length, view = null] = id as unknown[];
  if (!(type instanceof PyGlobal) || typeof key !== "string" || !isCount(length))
    throw new PickleFault("a storage without type, key or length");
  return { key, type, dtype: STORAGE_TYPES.get(String(type)), length, view };
}

/** Whether a value from a pickle is a whole number >= 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
