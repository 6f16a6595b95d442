import type * as tf from "@tensorflow/tfjs";

/**
 * Checks a tensor at a public door; `null` allows any size.
 * @throws RangeError naming the place, the wanted and the given shape
 */
export function expectShape(place: string, tensor: tf.Tensor, wanted: readonly (number | null)[]): void {
  const fits = tensor.rank === wanted.length && wanted.every((dim, i) => dim === null || dim === tensor.shape[i]);
  if (fits) return;
  const text = wanted.map((dim) => dim ?? "*").join(", ");
  throw new RangeError(`${place}: want [${text}], got [${tensor.shape.join(", ")}]`);
}
