import * as tf from "@tensorflow/tfjs";
import { recomputed } from "../engine/traceBackend.js";
import { customGradient } from "./customGradient.js";

/**
 * `x` where positive, `slope * x` elsewhere. Its gradient `dy * step(y)` is read off the result y, whose sign is that of x, so that x
 * need not be kept. It can be differentiated again; that of tfjs, made of a comparison, cannot.
 * Source: Maas et al. 2013.
 * @param slope 0 or more: below, the result would not have the sign of x
 */
export function leakyRelu(x: tf.Tensor, slope: number): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (value) => {
        const y = tf.leakyRelu(value, slope);
        return { value: y, saved: [y] };
      },
      // Slopes are made anew for every loss that comes back through here: they are as large as y.
      backward: (dy, [y]) => [
        tf.mul(
          dy,
          recomputed(() => tf.step(y!, slope)),
        ),
      ],
      piecewiseLinear: true,
    },
    x,
  );
}
