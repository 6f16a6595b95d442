/**
 * Parameters as data: a model states a tree of `ParamSpec`; from it follow the types its compute function takes, the
 * initial values, the parameter count and the names. The path of a leaf is its name everywhere
 * (`encoder/blocks/0/attention/qkv/kernel`).
 */
import type * as tf from "@tensorflow/tfjs";
import type { HostTensor, NamedHostTensors, NamedTensors } from "../engine/types.js";
import { rngFrom, streamSeed } from "../random.js";
import { sizeOf } from "../shapes.js";

/** How a parameter starts. */
export type Init =
  | { readonly kind: "zeros" | "ones" }
  /** From 0 to 1 in equal steps. */
  | { readonly kind: "ramp" }
  /** N(mean, std^2), mean 0 if absent */
  | { readonly kind: "normal"; readonly std: number; readonly mean?: number }
  /** Uniform in +-bound. */
  | { readonly kind: "uniform"; readonly bound: number }
  /** Uniform in +-sqrt(6 / (fanIn + fanOut)) (Glorot & Bengio 2010). */
  | { readonly kind: "xavier"; readonly fanIn: number; readonly fanOut: number };

export type ParamSpec = {
  readonly shape: readonly number[];
  readonly init: Init;
  /** Whether decoupled weight decay applies: matrices yes; biases, gains, codebook and positions no. */
  readonly decay: boolean;
};

/** A tree of specs; lists of blocks are arrays. */
export type SpecTree = ParamSpec | { readonly [name: string]: SpecTree } | readonly SpecTree[];

/** The tree a compute function takes: tensors in place of specs. */
export type ParamsOf<S> = S extends ParamSpec ? tf.Tensor : { readonly [K in keyof S]: ParamsOf<S[K]> };

/** Specs by path, in the order they are stated. */
export function flattenSpecs(tree: SpecTree, prefix = ""): Record<string, ParamSpec> {
  if (isSpec(tree)) return { [prefix]: tree };
  const flat: Record<string, ParamSpec> = {};
  for (const [name, child] of Object.entries(tree) as [string, SpecTree][])
    Object.assign(flat, flattenSpecs(child, prefix ? `${prefix}/${name}` : name));
  return flat;
}

/**
 * The tree of `specs` with each leaf replaced by the tensor of its path.
 * @throws RangeError when a tensor is missing
 */
export function paramTree<S extends SpecTree>(specs: S, named: Readonly<NamedTensors>, prefix = ""): ParamsOf<S> {
  const build = (tree: SpecTree, path: string): unknown => {
    if (isSpec(tree)) {
      const tensor = named[path];
      if (!tensor) throw new RangeError(`parameter ${path} is missing`);
      return tensor;
    }
    const join = (name: string | number) => (path ? `${path}/${name}` : String(name));
    if (isList(tree)) return tree.map((child, i) => build(child, join(i)));
    return Object.fromEntries(Object.entries(tree).map(([name, child]) => [name, build(child, join(name))]));
  };
  return build(specs, prefix) as ParamsOf<S>;
}

/** Initial values by path. Each parameter draws from a stream of its own name, so adding one changes no other. */
export function initialise(specs: Readonly<Record<string, ParamSpec>>, seed: number): NamedHostTensors {
  const named: NamedHostTensors = {};
  for (const [name, spec] of Object.entries(specs)) named[name] = initialTensor(spec, streamSeed(seed, `init/${name}`));
  return named;
}

/** Number of scalars. */
export function countParameters(specs: Readonly<Record<string, ParamSpec>>): number {
  return Object.values(specs).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function initialTensor({ shape, init }: ParamSpec, seed: number): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  const rng = rngFrom(seed);
  if (init.kind === "ones") data.fill(1);
  if (init.kind === "ramp") for (let i = 1; i < data.length; i++) data[i] = i / (data.length - 1);
  if (init.kind === "normal") {
    const { mean = 0, std } = init;
    for (let i = 0; i < data.length; i++) data[i] = mean + std * rng.normal();
  }
  if (init.kind === "uniform" || init.kind === "xavier") {
    const bound = init.kind === "uniform" ? init.bound : Math.sqrt(6 / (init.fanIn + init.fanOut));
    for (let i = 0; i < data.length; i++) data[i] = bound * (2 * rng.uniform() - 1);
  }
  return { dtype: "float32", shape, data };
}

function isSpec(tree: SpecTree): tree is ParamSpec {
  return "init" in tree && "decay" in tree;
}

function isList(tree: SpecTree): tree is readonly SpecTree[] {
  return Array.isArray(tree);
}
