import * as tf from "@tensorflow/tfjs";

export type CustomGradient<Inputs extends readonly tf.Tensor[]> = {
  /** The value and what the gradient needs of it. */
  readonly forward: (...inputs: Inputs) => { value: tf.Tensor; saved: readonly tf.Tensor[] };
  /** Gradient by each input, from the gradient by the value and what was saved. */
  readonly backward: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[];
  /**
   * Whether what is saved enters the gradient by factors alone that are constant almost everywhere, as a slope is: by these there is
   * nothing to differentiate.
   */
  readonly piecewiseLinear?: boolean;
};

/**
 * An operation with a gradient of its own: a typed face on `tf.customGrad`.
 *
 * The gradient can be differentiated again only if `forward` saves nothing but its inputs, or the operation is piecewise linear.
 * Through any other saved tensor tfjs would lose part of the second gradient silently; here it throws.
 */
export function customGradient<Inputs extends readonly tf.Tensor[]>(
  { forward, backward, piecewiseLinear = false }: CustomGradient<Inputs>,
  ...inputs: Inputs
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const { value, saved } = forward(...inputs);
    save([...saved]);
    const again = piecewiseLinear || saved.every((tensor) => inputs.includes(tensor));
    const gradFunc = (dy: tf.Tensor, kept: tf.Tensor[]) => {
      const gradients = backward(dy, kept);
      return again ? gradients : gradients.map((gradient) => onceOnly(gradient, ...inputs));
    };
    return { value, gradFunc };
  });
  return operation(...inputs);
}

/** The gradient itself; the inputs give the tape a path back to them, which ends here. Their values are not used. */
const onceOnly = tf.customGrad((gradient) => ({
  value: tf.clone(gradient as tf.Tensor),
  gradFunc: () => {
    throw new Error("the gradient of an operation that keeps intermediate results cannot be differentiated again");
  },
}));
