import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { type CustomGradient, customGradient } from "./customGradient.js";

const INV_SQRT_2 = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

/**
 * GELU, exact form: `x Phi(x)` with the normal distribution function `Phi(x) = (1 + erf(x / sqrt 2)) / 2`.
 * Source: Hendrycks & Gimpel 2016, arXiv:1606.08415.
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  return customGradient(GELU, x);
}

const GELU: CustomGradient<[tf.Tensor]> = {
  forward: (x) => {
    const [value] = fusedKernel("Gelu", { inputs: { x }, compose: () => [tf.mul(x, normalCdf(x))] });
    return { value: value!, saved: [x] };
  },
  backward: (dy, [x]) => [tf.mul(dy, slope(x!))],
};

/** `Phi(x) + x phi(x)` with the normal density phi. */
function slope(x: tf.Tensor): tf.Tensor {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), INV_SQRT_2PI);
  return tf.add(normalCdf(x), tf.mul(x, density));
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, INV_SQRT_2)), 1), 0.5);
}
