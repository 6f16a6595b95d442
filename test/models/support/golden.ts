/** Golden tensors of the PyTorch reference in the order of axes used here. */

import type { HostTensor } from "../../../lib/engine/types.js";
import { openSafetensors } from "../../../lib/files/safetensors.js";
import { sizeOf } from "../../../lib/shapes.js";
import { fixture } from "../../support.js";

export type Golden = {
  /** The numbers as they are stored. */
  values(name: string): Float32Array;
  /** [B, C, H, W] -> [B, H, W, C]. */
  images(name: string): HostTensor;
  /** A parameter: [out, in, kh, kw] -> [kh, kw, in, out], [out, in] -> [in, out], vectors as they are. */
  weight(name: string): HostTensor;
};

/** Reads a file of `fixtures/golden`. */
export async function golden(name: string): Promise<Golden> {
  const file = await openSafetensors(fixture("golden", name));
  const tensors = new Map<string, HostTensor>();
  for (const [key, { dtype }] of file.tensors) {
    if (dtype !== "F32") continue;
    const { shape, data } = await file.read(key);
    tensors.set(key, { dtype: "float32", shape, data: data as Float32Array });
  }
  await file.close();
  const find = (key: string): HostTensor => {
    const tensor = tensors.get(key);
    if (!tensor) throw new Error(`golden file ${name} has no float tensor ${key}`);
    return tensor;
  };
  return {
    values: (key) => find(key).data as Float32Array,
    images: (key) => permuted(find(key), [0, 2, 3, 1]),
    weight: (key) => ourOrder(find(key)),
  };
}

/** A parameter of PyTorch with its axes as we have them. */
export function ourOrder(tensor: HostTensor): HostTensor {
  const rank = tensor.shape.length;
  return rank === 4 ? permuted(tensor, [2, 3, 1, 0]) : rank === 2 ? permuted(tensor, [1, 0]) : tensor;
}

function permuted({ shape, data }: HostTensor, order: readonly number[]): HostTensor {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const moved = order.map((axis) => shape[axis]!);
  const result = new Float32Array(data.length);
  const visit = (axis: number, from: number, to: number): number => {
    if (axis === order.length) {
      result[to] = data[from]!;
      return to + 1;
    }
    let next = to;
    for (let i = 0; i < moved[axis]!; i++) next = visit(axis + 1, from + i * strides[order[axis]!]!, next);
    return next;
  };
  visit(0, 0, 0);
  return { dtype: "float32", shape: moved, data: result };
}
