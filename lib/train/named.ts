/** Names with prefixes: how one step tells the tensors of several networks apart. */
import type { NamedHostTensors, TensorSpec } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { mapNames, mapValues, pickNames } from "../records.js";

/** Networks of a step, and what the names of gradients begin with before the network's. */
export const MODEL = "model/";
export const DISCRIMINATOR = "discriminator/";
export const PERCEPTUAL = "perceptual/";
export const GRADIENT = "gradient/";

/** Every key with `prefix` before it. */
export function withPrefix<T>(prefix: string, named: Readonly<Record<string, T>>): Record<string, T> {
  return mapNames(named, (name) => prefix + name);
}

/** The entries whose key begins with `prefix`, without it. */
export function underPrefix<T>(prefix: string, named: Readonly<Record<string, T>>): Record<string, T> {
  return mapNames(
    pickNames(named, (name) => name.startsWith(prefix)),
    (name) => name.slice(prefix.length),
  );
}

/** A network's name, `model/`, as `Optimizer` takes it: `model`. */
export function bare(network: string): string {
  return network.slice(0, -1);
}

/** Step inputs for parameters. */
export function inputSpecs(specs: Readonly<Record<string, ParamSpec>>): Record<string, TensorSpec> {
  return mapValues(specs, ({ shape }) => ({ dtype: "float32", shape }));
}

/** The number in a one-element result. */
export function scalarOf(results: NamedHostTensors, name: string): number {
  const value = results[name]?.data[0];
  if (value === undefined) throw new RangeError(`the step returned no ${name}`);
  return value;
}
