import { thisMachine } from "./machine.js";
import type { NamedHostTensors, StepOptions, TensorSpec } from "./types.js";

/**
 * Bytes of weights up to which they are built in. Until all graphs are compiled they are in memory as they were read and once in
 * each graph, packed, which may take two thirds of the machine. What is free at the time does not count, so that a machine always
 * computes the same.
 * @param memory bytes
 */
export function largestBuiltIn({ graphs = 1, memory = thisMachine().memory } = {}): number {
  return (2 * memory) / (3 * (graphs + 1));
}

/** How a step is compiled that takes weights besides `inputs`. */
export function withWeights(
  weights: WeightFeeds["options"],
  { inputs, ...others }: Omit<StepOptions, "constants">,
): StepOptions {
  return { ...weights, ...others, inputs: { ...weights.inputs, ...inputs } };
}

export type WeightFeeds = {
  /** What `compile` is to be told of the weights. */
  readonly options: Pick<StepOptions, "inputs" | "constants">;
  /** What every run is to be fed with besides its own inputs. */
  readonly feeds: NamedHostTensors;
};

/** Bytes of all weights together. */
export function bytesOfWeights(weights: NamedHostTensors): number {
  return Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** Weights built into the graph of a program, where they are fastest, or fed at every run where they are too large. */
export function weightFeeds(weights: NamedHostTensors, largest = largestBuiltIn()): WeightFeeds {
  const bytes = bytesOfWeights(weights);
  if (bytes <= largest) return { options: { inputs: {}, constants: weights }, feeds: {} };
  const specs = Object.entries(weights).map(([name, { dtype, shape }]): [string, TensorSpec] => [
    name,
    { dtype, shape },
  ]);
  return { options: { inputs: Object.fromEntries(specs) }, feeds: weights };
}
