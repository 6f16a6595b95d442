import type { NamedHostTensors } from "../engine/types.js";

/** A copy of all parameters, to start an exponential moving average from. */
export function copyTensors(params: NamedHostTensors): NamedHostTensors {
  const copies = Object.entries(params).map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }] as const,
  );
  return Object.fromEntries(copies);
}

/**
 * Decay at an update: `min(decay, (1 + step) / (10 + step))`, so that the average of a young run forgets its random start.
 * @param step number of the update, from 1
 */
export function emaDecayAt(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/** `average = d average + (1 - d) params` for every parameter, in place. */
export function emaUpdate(average: NamedHostTensors, params: NamedHostTensors, d: number): void {
  for (const [name, { data: weights }] of Object.entries(params)) {
    const mean = average[name]?.data;
    if (!mean) throw new RangeError(`moving average: ${name} is missing`);
    for (let i = 0; i < weights.length; i++) mean[i] = d * mean[i]! + (1 - d) * weights[i]!;
  }
}
