import * as tf from "@tensorflow/tfjs";

/**
 * Runs `body` off the gradient tape: what it returns is a constant to every gradient, whatever it was computed from.
 * tfjs has no such function; it records no kernels while `kernelDepth` is above zero, which is what kernels themselves use.
 */
export function withoutGradient<T>(body: () => T): T {
  const { state } = tf.engine();
  state.kernelDepth++;
  try {
    return body();
  } finally {
    state.kernelDepth--;
  }
}

/** sg(x): x going forward, no gradient going back. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return withoutGradient(() => tf.clone(x));
}
