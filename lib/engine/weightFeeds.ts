import type { NamedHostTensors, StepOptions, TensorSpec } from "./types.js";

/** Weights that are built in are in memory again in each graph, packed: too much for those of a VIM-Large. */
export const LARGEST_BUILT_IN = 4e9; // bytes

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

/** Weights built into the graph of a program, where they are fastest, or fed at every run where they are too large. */
export function weightFeeds(weights: NamedHostTensors, largest = LARGEST_BUILT_IN): WeightFeeds {
  const bytes = Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes <= largest) return { options: { inputs: {}, constants: weights }, feeds: {} };
  const specs = Object.entries(weights).map(([name, { dtype, shape }]): [string, TensorSpec] => [
    name,
    { dtype, shape },
  ]);
  return { options: { inputs: Object.fromEntries(specs) }, feeds: weights };
}
