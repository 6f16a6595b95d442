/** The small tensors that steps of sampling are given. */
import type { HostTensor } from "../engine/types.js";

export function int32(shape: readonly number[], data: Int32Array): HostTensor {
  return { dtype: "int32", shape, data };
}

/** A vector. */
export function float32(values: readonly number[]): HostTensor {
  return { dtype: "float32", shape: [values.length], data: Float32Array.from(values) };
}

/** All of `data` again and again, `length` numbers. */
export function tile(data: Int32Array, length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => data[i % data.length]!);
}
