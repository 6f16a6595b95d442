/** Weights and images of the Inception tests, made of hashes; fixtures/golden/inception.py makes the same. */
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import { inceptionStateShapes } from "../../../lib/models/foreign/inceptionState.js";
import { streamSeed, uniformAt } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";

const SEED = 7;

/** The whole state of the port: fan-in scaled weights, batch normalization a little off from doing nothing. */
export function hashedInception(): NamedHostTensors {
  return Object.fromEntries(Object.entries(inceptionStateShapes()).map(([name, shape]) => [name, weight(name, shape)]));
}

/** Images of whole bytes / 255. */
export function hashedImages(name: string, shape: readonly number[]): HostTensor {
  return hashed(name, shape, (u) => Math.floor(256 * u) / 255);
}

function weight(name: string, shape: readonly number[]): HostTensor {
  const fanIn = sizeOf(shape.slice(1));
  const bound = Math.sqrt(6 / fanIn);
  if (shape.length > 1) return hashed(name, shape, (u) => (2 * u - 1) * bound);
  const gain = name.endsWith("running_var") || name.endsWith("bn.weight");
  return hashed(name, shape, gain ? (u) => 0.5 + u : (u) => 0.4 * u - 0.2);
}

function hashed(name: string, shape: readonly number[], value: (uniform: number) => number): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  const seed = streamSeed(SEED, name);
  for (let i = 0; i < data.length; i++) data[i] = value(uniformAt(i, seed));
  return { dtype: "float32", shape, data };
}
