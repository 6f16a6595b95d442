import type { NamedHostTensors } from "../engine/types.js";
import { type Init, initialise, type ParamSpec } from "../nn/params.js";

/** Initial values, but nothing starts as 0 or 1: a bias or a gain that one side leaves out must show. */
export function randomParams(specs: Readonly<Record<string, ParamSpec>>, seed: number): NamedHostTensors {
  const random = Object.entries(specs).map(([name, spec]) => [name, { ...spec, init: unsettled(spec.init) }]);
  return initialise(Object.fromEntries(random), seed);
}

function unsettled(init: Init): Init {
  if (init.kind === "zeros") return { kind: "normal", std: 0.02 };
  return init.kind === "ones" ? { kind: "normal", mean: 1, std: 0.1 } : init;
}
