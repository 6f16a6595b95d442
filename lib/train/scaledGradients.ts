import * as tf from "@tensorflow/tfjs";
import type { NamedTensors } from "../engine/types.js";
import { type Differentiated, valueAndGradients } from "../nn/gradients.js";
import { LOSS_SCALE } from "./lossScale.js";

/**
 * As `valueAndGradients`, but where the step is given a `lossScale` the gradients are those of the loss times that scale.
 * The loss itself comes as it is.
 * @param inputs of the step
 */
export function scaledGradients(
  inputs: Readonly<NamedTensors>,
  f: () => { loss: tf.Scalar; aux?: NamedTensors },
  params: Readonly<NamedTensors>,
): Differentiated {
  const scale = inputs[LOSS_SCALE];
  if (!scale) return valueAndGradients(f, params);
  const { gradients, aux } = valueAndGradients(() => {
    const { loss, aux = {} } = f();
    return { loss: tf.mul(loss, scale) as tf.Scalar, aux: { ...aux, [UNSCALED]: loss } };
  }, params);
  const { [UNSCALED]: loss, ...others } = aux;
  return { loss: loss as tf.Scalar, gradients, aux: others };
}

const UNSCALED = "unscaled loss";
