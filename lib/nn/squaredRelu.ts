import * as tf from "@tensorflow/tfjs";
import { relu } from "./relu.js";

/**
 * `max(x, 0)^2`. Both of its gradients are read off `max(x, 0)`, which is all that is kept of x.
 * Source: So et al. 2021, arXiv:2109.08668, "Squared ReLU".
 */
export function squaredRelu(x: tf.Tensor): tf.Tensor {
  return tf.square(relu(x));
}
