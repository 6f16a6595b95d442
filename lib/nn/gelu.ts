import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { type CustomGradient, customGradient } from "./customGradient.js";

const INV_SQRT_2 = Math.SQRT1_2;
const LOG_2_OVER_SQRT_PI = Math.log(2 / Math.sqrt(Math.PI));

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
  // Halving dy first costs nothing where dy is a matrix product: the engine makes it the product's factor.
  backward: (dy, [x]) => [tf.mul(tf.mul(dy, 0.5), twiceSlope(x!))],
};

/** `2 (Phi(x) + x phi(x))` with the normal density phi: `1 + erf(u) + 2/sqrt(pi) u exp(-u^2)` for `u = x / sqrt 2`. */
function twiceSlope(x: tf.Tensor): tf.Tensor {
  const u = tf.mul(x, INV_SQRT_2);
  const density = tf.exp(tf.sub(LOG_2_OVER_SQRT_PI, tf.square(u)));
  return tf.add(tf.add(tf.erf(u), tf.mul(u, density)), 1);
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, INV_SQRT_2)), 1), 0.5);
}
