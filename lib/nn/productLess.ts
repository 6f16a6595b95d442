import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";

/**
 * `a b^T - c` over the last two axes, with one number of c for each row. It has no gradient.
 * @param a [..., M, d]
 * @param b [..., N, d]
 * @param c [..., M, 1]
 * @returns [..., M, N]
 */
export function productLess(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Tensor {
  const compose = () => [tf.sub(tf.matMul(a, b, false, true), c)];
  return fusedKernel("ProductLess", { inputs: { a, b, c }, compose })[0]!;
}
