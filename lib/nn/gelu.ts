import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { type CustomGradient, customGradient } from "./customGradient.js";

const INV_SQRT_2 = Math.SQRT1_2;
const LOG_1_OVER_SQRT_PI = -Math.log(Math.PI) / 2;

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

/** `Phi(x) + x phi(x)` with the normal density phi: `x phi(x) = u exp(-u^2) / sqrt(pi)` for `u = x / sqrt 2`. */
function slope(x: tf.Tensor): tf.Tensor {
  const u = tf.mul(x, INV_SQRT_2);
  // The factor goes into the exponent, where the sign of u^2 takes a pass anyway.
  return tf.add(normalCdf(x), tf.mul(u, tf.exp(tf.sub(LOG_1_OVER_SQRT_PI, tf.square(u)))));
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, INV_SQRT_2)), 1), 0.5);
}
