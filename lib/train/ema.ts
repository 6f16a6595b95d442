import type { NamedHostTensors } from "../engine/types.js";
import { floatsOf } from "./updateRule.js";
import { vectorKernel } from "./vectorKernel.js";

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

/**
 * `average = average + (1 - d) (params - average)` for every parameter, in place: in float32 the shares `d` and `1 - d` need
 * not add up to 1, which the average of weights at rest would show.
 * @throws RangeError when a parameter has no average
 */
export function emaUpdate(average: NamedHostTensors, params: NamedHostTensors, d: number): void {
  for (const name of Object.keys(params))
    moveMean({ mean: floatsOf(average, name), weights: floatsOf(params, name) }, { share: 1 - d });
}

const moveMean = vectorKernel(
  { arrays: ["mean", "weights"], numbers: ["share"] },
  ({ add, sub, mul }, { mean, weights, share }) => ({ mean: add(mean, mul(share, sub(weights, mean))) }),
);
