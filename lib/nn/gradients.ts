import * as tf from "@tensorflow/tfjs";
import type { NamedTensors } from "../engine/types.js";

export type Differentiated = {
  readonly loss: tf.Scalar;
  /** Gradients by parameter name; zeros where the loss does not depend on the parameter. */
  readonly gradients: NamedTensors;
  /** What `f` returned beside the loss. */
  readonly aux: NamedTensors;
};

/**
 * Value and gradients of `f` by every tensor of `params`, keeping whatever else `f` computed on the way.
 * Unlike `tf.grads` it accepts parameters the loss does not depend on, and it may itself be differentiated (R1).
 */
export function valueAndGradients(
  f: () => { loss: tf.Scalar; aux?: NamedTensors },
  params: Readonly<NamedTensors>,
): Differentiated {
  const names = Object.keys(params);
  const tensors = Object.values(params);
  let aux: NamedTensors = {};
  const forward = () => {
    const made = f();
    // Copies, because what `f` returns may be a parameter or belong to an outer scope; while tracing they cost nothing.
    const copies = Object.entries(made.aux ?? {}).map(([name, tensor]) => [name, tf.keep(tf.clone(tensor))] as const);
    aux = Object.fromEntries(copies);
    return made.loss;
  };
  const { value, grads } = tf.engine().gradients(forward, tensors, undefined, true) as {
    value: tf.Scalar;
    grads: (tf.Tensor | null)[];
  };
  for (const tensor of Object.values(aux)) adopt(tensor);
  const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i] ?? tf.zerosLike(tensors[i]!)]));
  return { loss: value, gradients, aux };
}

/** Hands a kept tensor to the scope that is open now, so that it is disposed with it. */
function adopt(tensor: tf.Tensor): void {
  tensor.kept = false;
  tf.engine().state.activeScope?.track.push(tensor);
}
