/** Parameters out of other programs' files: names and orders of axes turned into ours, every tensor accounted for. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";

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
  /** Its elements in our order. */
  readonly reorder: (data: Float32Array) => Float32Array;
};

export type ForeignModel = {
  /** What the file should be, for the error: "VGG-16". */
  readonly model: string;
  /** By our names. */
  readonly params: Readonly<Record<string, ForeignParam>>;
  /** Names that belong to such a file and are not needed. */
  readonly leftOut: RegExp;
};

/** A convolution kernel [kh, kw, from, to], which PyTorch keeps as [to, from, kh, kw]. */
export function torchKernel(name: string, ourShape: readonly number[]): ForeignParam {
  const [kh, kw, from, to] = ourShape as readonly [number, number, number, number];
  const reorder = (data: Float32Array) => tapsFirst(data, { taps: kh * kw, from, to });
  return { name, shape: [to, from, kh, kw], ourShape, reorder };
}

/** A vector, which may have axes of one element around it there. */
export function foreignVector(name: string, length: number, shape: readonly number[] = [length]): ForeignParam {
  return { name, shape, ourShape: [length], reorder: (data) => data };
}

/**
 * Our parameters by our names, made of the tensors of `file`.
 * @throws FileError naming all tensors that are missing, of another shape or type, or unexpected
 */
export function importParams(file: ForeignFile, { model, params, leftOut }: ForeignModel): NamedHostTensors {
  const wanted = new Map(Object.values(params).map((param) => [param.name, param]));
  const found = new Map(Object.entries(file.tensors));
  const complaints = [
    complaint(
      "missing",
      [...wanted.keys()].filter((name) => !found.has(name)),
    ),
    complaint(
      "not as wanted",
      [...found].flatMap(([name, tensor]) => misfit(tensor, wanted.get(name))),
    ),
    complaint(
      "unexpected",
      [...found.keys()].filter((name) => !wanted.has(name) && !leftOut.test(name)),
    ),
  ].filter((text) => text !== "");
  if (complaints.length > 0)
    throw new FileError(`${file.what}: these are not weights of ${model}; ${complaints.join("; ")}`);
  const made = Object.entries(params).map(([ours, { name, ourShape, reorder }]): [string, HostTensor] => {
    const data = reorder(file.tensors[name]!.data as Float32Array);
    return [ours, { dtype: "float32", shape: ourShape, data }];
  });
  return Object.fromEntries(made);
}

const NAMED = 8; // tensors in one complaint; the rest is counted

function complaint(kind: string, tensors: readonly string[]): string {
  if (tensors.length === 0) return "";
  const rest = tensors.length - NAMED;
  return `${kind}: ${tensors.slice(0, NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function misfit({ dtype, shape }: HostTensor, wanted: ForeignParam | undefined): string[] {
  if (!wanted || (dtype === "float32" && String(shape) === String(wanted.shape))) return [];
  return [`${wanted.name} (want float32 [${wanted.shape.join(", ")}], got ${dtype} [${shape.join(", ")}])`];
}

/** [to, from, taps] -> [taps, from, to]. */
function tapsFirst(data: Float32Array, { taps, from, to }: { taps: number; from: number; to: number }): Float32Array {
  const result = new Float32Array(data.length);
  for (let tap = 0; tap < taps; tap++)
    for (let i = 0; i < from; i++)
      for (let o = 0; o < to; o++) result[(tap * from + i) * to + o] = data[(o * from + i) * taps + tap]!;
  return result;
}
