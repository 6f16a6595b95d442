/** Operations that some backends run as one kernel of their own and others as a composition of tfjs operations. */
import * as tf from "@tensorflow/tfjs";
import { isLowered } from "./traceBackend.js";

export type FusedCall = {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly attributes?: Readonly<Record<string, number | boolean>>;
  /** What every other backend does; the definition of the operation. */
  readonly compose: () => tf.Tensor[];
};

/** Runs the kernel `name` where the active backend has one, and the graph being traced may hold it; else `compose`. */
export function fusedKernel(name: string, { inputs, attributes = {}, compose }: FusedCall): tf.Tensor[] {
  const engine = tf.engine();
  if (!tf.getKernel(name, engine.backendName) || !isLowered(name)) return compose();
  const made: tf.Tensor | tf.Tensor[] = engine.runKernel(name, { ...inputs }, { ...attributes });
  return Array.isArray(made) ? made : [made];
}
