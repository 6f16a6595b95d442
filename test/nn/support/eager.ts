/** Layers run on the JavaScript backend, numbers in and numbers out. */
import * as tf from "@tensorflow/tfjs";
import { withBackend } from "../../../lib/engine/eager.js";
import { rngFrom } from "../../../lib/random.js";

/** A float tensor as data. */
export type Given = { readonly shape: readonly number[]; readonly values: readonly number[] };

/** Standard normal numbers times `scale`, exact in float32. */
export function normals(seed: number, shape: readonly number[], scale = 1): Given {
  const rng = rngFrom(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, values: Array.from({ length: size }, () => Math.fround(scale * rng.normal())) };
}

/** Elements of `f` of the tensors. */
export function valuesOf(f: (...x: tf.Tensor[]) => tf.Tensor, ...inputs: Given[]): number[] {
  return onCpu(() => numbersOf(f(...inputs.map(tensorOf))));
}

/** Gradients of `sum(f w)` by every input. */
export function gradientsOf(f: (...x: tf.Tensor[]) => tf.Tensor, w: Given, ...inputs: Given[]): number[][] {
  return onCpu(() => {
    const loss = (...x: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(f(...x), tensorOf(w)));
    return tf.grads(loss)(inputs.map(tensorOf)).map(numbersOf);
  });
}

/** Runs `body` in a tidy on the JavaScript backend. */
export function onCpu<T>(body: () => T): T {
  let result: T | undefined;
  withBackend("cpu", () =>
    tf.tidy(() => {
      result = body();
    }),
  );
  return result as T;
}

export const tensorOf = ({ shape, values }: Given): tf.Tensor => tf.tensor([...values], [...shape], "float32");

export const numbersOf = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];
