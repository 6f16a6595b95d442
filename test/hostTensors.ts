/** Host tensors that tests make. */
import type { HostTensor } from "../lib/engine/types.js";
import { rngFrom } from "../lib/random.js";
import { sizeOf } from "../lib/shapes.js";

export function floats(shape: readonly number[], ...values: number[]): HostTensor {
  return { dtype: "float32", shape, data: Float32Array.from(values) };
}

export function integers(shape: readonly number[], ...values: number[]): HostTensor {
  return { dtype: "int32", shape, data: Int32Array.from(values) };
}

/** Standard normal numbers. */
export function normalFloats(shape: readonly number[], seed: number): HostTensor {
  const rng = rngFrom(seed);
  return { dtype: "float32", shape, data: Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()) };
}
