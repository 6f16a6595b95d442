/** Numbers that are part of a model: weights under their own names, and constants under names made of their contents. */
import { createHash } from "node:crypto";
import { sameShape } from "../shapes.js";
import { type ElementType, type OnnxInitializer, typedArray } from "./onnx.js";
import type { Sym } from "./symbols.js";

export class Initializers {
  private readonly tensors = new Map<string, OnnxInitializer>();

  /**
   * Adds weights.
   * @throws RangeError for a name that internal tensors may have
   */
  add(tensor: OnnxInitializer): void {
    expectOutsideName(tensor.name);
    this.tensors.set(tensor.name, tensor);
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Weights made while tracing; once, if they come again under the same name. */
  derived(name: string, make: () => Omit<OnnxInitializer, "name">): OnnxInitializer {
    const own = `%k ${name}`;
    const tensor = this.tensors.get(own) ?? { name: own, ...make() };
    this.tensors.set(own, tensor);
    return tensor;
  }

  /** The weights that `sym` is, where it is weights as they are or put in order by `derived`. */
  builtIn({ stored, shape }: Sym): OnnxInitializer | undefined {
    const tensor = stored.name === undefined ? undefined : this.tensors.get(stored.name);
    return tensor && sameShape(tensor.shape, shape) ? tensor : undefined;
  }

  /** Name of a constant. Equal ones (a mask in every layer) are one. */
  constant(values: ArrayLike<number>, { type, shape }: { type: ElementType; shape: readonly number[] }): string {
    const array = typedArray(type, values);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const contents =
      bytes.length <= 32 ? Buffer.from(bytes).toString("hex") : createHash("sha256").update(bytes).digest("hex");
    const name = `%k ${type} [${shape.join(",")}] ${contents}`;
    if (!this.tensors.has(name)) this.tensors.set(name, { name, type, shape, bytes });
    return name;
  }

  /** Those of the given names, in the order in which they were added. */
  among(names: ReadonlySet<string>): OnnxInitializer[] {
    return [...this.tensors.values()].filter(({ name }) => names.has(name));
  }
}

/**
 * Names of internal tensors start with a character that no other name may start with.
 * @throws RangeError for a name that starts with it
 */
export function expectOutsideName(name: string): void {
  if (name.startsWith("%")) throw new RangeError(`tensor names must not start with %, got "${name}"`);
}
