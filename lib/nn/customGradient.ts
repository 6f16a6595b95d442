import * as tf from "@tensorflow/tfjs";

export type CustomGradient<Inputs extends readonly tf.Tensor[]> = {
  /** The value and what the gradient needs of it. */
  readonly forward: (...inputs: Inputs) => { value: tf.Tensor; saved: readonly tf.Tensor[] };
  /** Gradient by each input, from the gradient by the value and what was saved. */
  readonly backward: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[];
};

/** An operation with a gradient of its own: a typed face on `tf.customGrad`. */
export function customGradient<Inputs extends readonly tf.Tensor[]>(
  { forward, backward }: CustomGradient<Inputs>,
  ...inputs: Inputs
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const { value, saved } = forward(...(args.slice(0, -1) as unknown as Inputs));
    save([...saved]);
    return { value, gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => backward(dy, kept) };
  });
  return operation(...inputs);
}
