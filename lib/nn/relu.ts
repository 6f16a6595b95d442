import * as tf from "@tensorflow/tfjs";
import { customGradient } from "./customGradient.js";

/**
 * `max(x, 0)`. Its gradient is read off the result; that of tfjs keeps x, which takes as much memory again and keeps
 * convolution and activation from becoming one kernel. It cannot be differentiated again.
 */
export function relu(x: tf.Tensor): tf.Tensor {
  return customGradient<[tf.Tensor]>(
    {
      forward: (value) => {
        const y = tf.relu(value);
        return { value: y, saved: [y] };
      },
      // Chosen, not multiplied by 0 or 1: where y is 0 the gradient is 0 even if dy is not finite.
      backward: (dy, [y]) => [tf.where(tf.greater(y!, 0), dy, tf.zerosLike(dy))],
    },
    x,
  );
}
