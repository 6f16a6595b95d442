/** Parameters out of other programs' files: names and orders of axes turned into ours, every tensor accounted for. */
import type { HostTensor, NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { inverse, permuted, permutedShape, tapsFirst, unmoved } from "./axes.js";
import { misfits, someMisfits, type WantedTensor } from "./misfits.js";

/** Tensors as another program named them. */
export type ForeignFile = {
  /** Begins the message of every error: the path, or the part of a file. */
  readonly what: string;
  readonly tensors: NamedHostTensors;
};

/** The tensor that one of our parameters is made of. */
export type ForeignParam = {
  readonly name: string;
  /** There. */
  readonly shape: readonly number[];
  /** Here. */
  readonly ourShape: readonly number[];
  /** Of their axes; some of one element are dropped after that. */
  readonly order: readonly number[];
};

export type ForeignModel = {
  /** What the file should be, for the error: "VGG-16". */
  readonly model: string;
  /** Names that belong to such a file and are not needed. */
  readonly leftOut: RegExp;
};

/** By our names. */
export type ForeignParams = Readonly<Record<string, ForeignParam>>;

/** A kernel [...taps, from, to], or a linear map [from, to], which PyTorch keeps as [to, from, ...taps]. */
export function torchKernel(name: string, ourShape: readonly number[]): ForeignParam {
  const order = tapsFirst(ourShape.length);
  return { name, shape: permutedShape(ourShape, inverse(order)), ourShape, order };
}

/** A tensor whose elements lie as ours do; it may have more axes of one element there. */
export function foreignTensor(name: string, ourShape: readonly number[], shape = ourShape): ForeignParam {
  return { name, shape, ourShape, order: unmoved(shape.length) };
}

/**
 * Our parameters by our names, made of the tensors of `file`.
 * @throws FileError naming all tensors that are missing, of another shape or type, or unexpected
 */
export function importParams(
  file: ForeignFile,
  { params, ...model }: ForeignModel & { readonly params: ForeignParams },
): NamedHostTensors {
  expectTensors(file, Object.values(params), model);
  return translated(file.tensors, params);
}

/** @throws FileError naming tensors that are missing, of another shape or type, or unexpected, and counting the rest */
export function expectTensors(
  file: ForeignFile,
  wanted: Iterable<WantedTensor>,
  { model, leftOut }: ForeignModel,
): void {
  const wrong = someMisfits(misfits(file.tensors, wanted, leftOut));
  if (wrong !== "") throw new FileError(`${file.what}: these are not weights of ${model}; ${wrong}`);
}

/** Our parameters by our names, made of tensors that are all as `params` want them. */
export function translated(tensors: NamedHostTensors, params: ForeignParams): NamedHostTensors {
  const made = Object.entries(params).map(([ours, { name, shape, ourShape, order }]): [string, HostTensor] => {
    const data = permuted(tensors[name]!.data as Float32Array, shape, order);
    return [ours, { dtype: "float32", shape: ourShape, data }];
  });
  return Object.fromEntries(made);
}

/**
 * Tensors as another program has them, by its names, made of our parameters.
 * @throws RangeError when one is missing
 */
export function exportParams(tensors: NamedHostTensors, params: ForeignParams): NamedHostTensors {
  const made = Object.entries(params).map(([ours, { name, shape, order }]): [string, HostTensor] => {
    const tensor = tensors[ours];
    if (!tensor) throw new RangeError(`parameter ${ours} is missing`);
    const data = permuted(tensor.data as Float32Array, permutedShape(shape, order), inverse(order));
    return [name, { dtype: "float32", shape, data }];
  });
  return Object.fromEntries(made);
}
