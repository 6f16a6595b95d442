/** How the tensors of a file differ from those that a model wants. */
import type { HostTensor } from "../../engine/types.js";

/** Tensors by name, whatever their values. */
export type TensorKinds = Readonly<Record<string, Pick<HostTensor, "dtype" | "shape">>>;

/** A tensor of 32-bit floats that a model wants. */
export type WantedTensor = {
  readonly name: string;
  /** NaN where any size will do. */
  readonly shape: readonly number[];
};

export type Misfits = {
  readonly missing: readonly string[];
  /** Those of another shape or type, and how they differ: "want float32 [2], got int32 [2]". */
  readonly unlike: readonly { readonly name: string; readonly how: string }[];
  readonly unexpected: readonly string[];
};

/** Compares names, shapes and types; `leftOut` are names that nobody wants and that may be there. */
export function misfits(kinds: TensorKinds, wanted: Iterable<WantedTensor>, leftOut?: RegExp): Misfits {
  const known = new Map([...wanted].map(({ name, shape }) => [name, shape]));
  const found = new Map(Object.entries(kinds));
  return {
    missing: [...known.keys()].filter((name) => !found.has(name)),
    unlike: [...known].flatMap(([name, shape]) => {
      const got = found.get(name);
      return !got || fits(got, shape)
        ? []
        : [{ name, how: `want ${kindOf({ dtype: "float32", shape })}, got ${kindOf(got)}` }];
    }),
    unexpected: [...found.keys()].filter((name) => !known.has(name) && !leftOut?.test(name)),
  };
}

/** Every misfit in a sentence of its own; empty if there is none. */
export function everyMisfit({ missing, unlike, unexpected }: Misfits): string {
  return [
    ...missing.map((name) => `${name} is missing`),
    ...unlike.map(({ name, how }) => `${name}: ${how}`),
    ...unexpected.map((name) => `${name} is not of this model`),
  ].join("; ");
}

/** The misfits by their kinds, the first of each; empty if there is none. */
export function someMisfits({ missing, unlike, unexpected }: Misfits): string {
  return [
    some("missing", missing),
    some(
      "not as wanted",
      unlike.map(({ name, how }) => `${name} (${how})`),
    ),
    some("unexpected", unexpected),
  ]
    .filter((text) => text !== "")
    .join("; ");
}

const NAMED = 8; // tensors of one kind; the rest is counted

function some(kind: string, tensors: readonly string[]): string {
  if (tensors.length === 0) return "";
  const rest = tensors.length - NAMED;
  return `${kind}: ${tensors.slice(0, NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function fits({ dtype, shape }: TensorKinds[string], wanted: readonly number[]): boolean {
  const isOf = (size: number, axis: number) => Number.isNaN(size) || size === shape[axis];
  return dtype === "float32" && shape.length === wanted.length && wanted.every(isOf);
}

function kindOf({ dtype, shape }: TensorKinds[string]): string {
  return `${dtype} [${shape.map((size) => (Number.isNaN(size) ? "?" : size)).join(", ")}]`;
}
