import { sizeOf } from "../shapes.js";
import type { DeviceTensor, HostTensor, StepOptions, TensorSpec } from "./types.js";

/** Sizes that a run gave to the string dimensions of a step's inputs. */
type DimSizes = Record<string, number>;

/**
 * Checks the declaration of a step before it is compiled: dimensions are whole numbers or names, constants hold as
 * many elements as their shape says, and no constant has the name of an input.
 * @throws RangeError naming the step, the tensor and what is wrong
 */
export function checkStep({ name, inputs, constants = {} }: StepOptions): void {
  for (const [key, spec] of Object.entries(inputs)) {
    const good = spec.shape.every((dim) => (typeof dim === "string" ? dim !== "" : isSize(dim)));
    if (!good) throw new RangeError(`${name}: input "${key}" wants sizes or names as dimensions, got ${shown(spec)}`);
  }
  for (const [key, tensor] of Object.entries(constants)) {
    if (Object.hasOwn(inputs, key)) throw new RangeError(`${name}: "${key}" is both an input and a constant`);
    checkData(`${name}: constant "${key}"`, tensor);
  }
}

/**
 * Checks what is given to a run against what its step declared: names, element types, shapes (a string dimension must
 * have one size wherever it occurs) and the length and class of the data.
 * @throws RangeError naming the step, the input, what was wanted and what came
 */
export function checkInputs(
  { name, inputs: specs }: Pick<StepOptions, "name" | "inputs">,
  inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
): void {
  for (const key of Object.keys(inputs))
    if (!Object.hasOwn(specs, key))
      throw new RangeError(`${name}: unknown input "${key}"; wanted ${Object.keys(specs).join(", ") || "none"}`);
  const sizes: DimSizes = {};
  for (const [key, spec] of Object.entries(specs)) {
    const tensor = Object.hasOwn(inputs, key) ? inputs[key] : undefined;
    if (tensor === undefined) throw new RangeError(`${name}: input "${key}" is missing; wanted ${shown(spec)}`);
    if (tensor.dtype !== spec.dtype || !fits(tensor.shape, spec.shape, sizes))
      throw new RangeError(`${name}: input "${key}" wants ${shown(spec)}${known(spec, sizes)}, got ${shown(tensor)}`);
    if ("data" in tensor) checkData(`${name}: input "${key}"`, tensor);
  }
}

/** Whether `shape` is `wanted`; a string dimension met for the first time is entered in `sizes`. */
function fits(shape: readonly number[], wanted: TensorSpec["shape"], sizes: DimSizes): boolean {
  if (shape.length !== wanted.length) return false;
  return wanted.every((dim, i) => {
    const size = shape[i]!;
    if (typeof dim === "number") return size === dim;
    if (!isSize(size)) return false;
    sizes[dim] ??= size;
    return sizes[dim] === size;
  });
}

function checkData(what: string, { dtype, shape, data }: HostTensor): void {
  if (!shape.every(isSize)) throw new RangeError(`${what} has no shape: [${shape.join(", ")}]`);
  const wanted = dtype === "int32" ? Int32Array : Float32Array;
  if (!(data instanceof wanted))
    throw new RangeError(`${what} is ${dtype} and wants its data in a ${wanted.name}, got a ${data.constructor.name}`);
  const elements = sizeOf(shape);
  if (data.length !== elements)
    throw new RangeError(
      `${what} has shape [${shape.join(", ")}], so ${elements} elements, but its data has ${data.length}`,
    );
}

const isSize = (dim: number): boolean => Number.isInteger(dim) && dim >= 0;

const shown = ({ dtype, shape }: TensorSpec): string => `${dtype} [${shape.join(", ")}]`;

/** ` (t = 3)` for the string dimensions of `spec` whose size is known. */
function known(spec: TensorSpec, sizes: DimSizes): string {
  const names = [...new Set(spec.shape)].filter((dim) => typeof dim === "string" && sizes[dim] !== undefined);
  return names.length === 0 ? "" : ` (${names.map((dim) => `${dim} = ${sizes[dim]}`).join(", ")})`;
}
