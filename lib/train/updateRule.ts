/** What rules that move parameters by their gradients have in common. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { sizeOf } from "../shapes.js";

/** What differs from update to update. */
export type UpdateOptions = {
  /** Learning rate of this step. */
  readonly rate: number;
  /** Factor on all gradients (clipping). */
  readonly gradientScale: number;
  /** Number of this update, from 1; corrects the bias of the moments. */
  readonly step: number;
};

/** A rule, the parameters that it moves in place, and what it keeps from one update to the next. */
export interface UpdateRule {
  /** Tensors by part (`first`), then by parameter; live: a checkpoint is taken from them, and its tensors put in their places. */
  readonly state: Readonly<Record<string, NamedHostTensors>>;
  /** @param gradients by parameter name */
  update(gradients: NamedHostTensors, options: UpdateOptions): void;
  /**
   * Sets the first moment of elements `from .. to - 1` of a parameter to 0.
   * @throws RangeError when there is no such parameter
   */
  forget(name: string, from: number, to: number): void;
}

/** What a rule adds to a training. */
export type UpdateCost = {
  /** Bytes kept beside the weights. */
  readonly stateBytes: number;
  /** Bytes that an update reads and writes, or could in the time it takes. */
  readonly movedBytes: number;
};

/** float32 zeros. */
export function zerosOf(shape: readonly number[]): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) };
}

/** @throws RangeError when there is no float32 tensor of that name */
export function floatsOf(tensors: NamedHostTensors, name: string): Float32Array {
  const data = tensors[name]?.data;
  if (!(data instanceof Float32Array)) throw new RangeError(`${name} is missing or not float32`);
  return data;
}
