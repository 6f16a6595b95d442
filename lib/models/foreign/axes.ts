/** The orders in which programs keep the axes of the same numbers. */
import { sizeOf } from "../../shapes.js";

/** Elements of an array of `shape` with its axes in `order`; the array itself when that is the order they have. */
export function permuted(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  if (order.every((axis, i) => axis === i)) return data;
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const result = new Float32Array(data.length);
  let to = 0;
  const visit = (place: number, from: number): void => {
    const [length, stride] = [shape[order[place]!]!, strides[order[place]!]!];
    if (place < order.length - 1) for (let i = 0; i < length; i++) visit(place + 1, from + i * stride);
    else for (let i = 0; i < length; i++) result[to++] = data[from + i * stride]!;
  };
  visit(0, 0);
  return result;
}

/** The order that undoes `order`. */
export function inverse(order: readonly number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}

/** The axes that stay where they are. */
export function unmoved(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** PyTorch keeps a linear map [to, from] and a convolution [to, from, ...taps]; ours are [...taps, from, to]. */
export function tapsFirst(rank: number): number[] {
  return [...unmoved(rank).slice(2), 1, 0];
}

/** The shape of an array of `shape` with its axes in `order`. */
export function permutedShape(shape: readonly number[], order: readonly number[]): number[] {
  return order.map((axis) => shape[axis]!);
}
