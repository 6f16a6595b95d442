/**
 * Sizes that stand for varying dimensions while tracing: primes that no size of a model is a multiple of. Much larger ones would
 * cost memory, since tfjs makes ones of such shapes for the gradients of sums.
 */
const STAND_INS = [1_159_523, 1_299_709, 1_423_159, 1_535_497];

/** Sizes this near to a multiple of a stand-in come of it: one more position than the `t` before, a border. */
const NEAR = 64;

/** Inverses of further multiples are not told from other small numbers. */
const MOST_INVERTED = 1024;

/** Dimensions that vary from run to run: while a step is traced, each has a size that stands for it. */
export class VaryingDimensions {
  private readonly names = new Map<number, string>();

  /**
   * A shape with stand-ins in the places of names.
   * @throws RangeError for too many names
   */
  standIns(shape: readonly (number | string)[]): number[] {
    return shape.map((dim) => (typeof dim === "string" ? this.standIn(dim) : dim));
  }

  /** A shape with names in the places of stand-ins, and `2 t + 1` in those of sizes that come of one. */
  named(shape: readonly number[]): (number | string)[] {
    return shape.map((size) => {
      const found = this.find(size);
      return found ? termOf(found) : size;
    });
  }

  /** The dimension on which a size depends, as `3 t` and `t + 1` do; undefined for a size that is the same in every run. */
  of(size: number): string | undefined {
    return this.find(size)?.dim;
  }

  /** Whether none of these sizes depends on a dimension. */
  isFixed(sizes: readonly number[]): boolean {
    return sizes.every((size) => this.of(size) === undefined);
  }

  /** @throws Error when one of these sizes depends on a dimension that varies from run to run */
  expectFixed(sizes: readonly number[]): void {
    for (const size of sizes) refuse("a shape", this.of(size));
  }

  /** @throws Error when one of these numbers is a size that depends on a dimension that varies from run to run, or 1 divided by it */
  expectFixedNumbers(numbers: ArrayLike<number>): void {
    if (this.names.size === 0) return;
    for (let i = 0; i < numbers.length; i++) {
      const size = Math.abs(numbers[i]!);
      refuse("a number", this.of(size) ?? this.ofInverse(size));
    }
  }

  private find(size: number): Found | undefined {
    if (!Number.isSafeInteger(size)) return undefined;
    for (const [standIn, dim] of this.names) {
      const times = Math.round(size / standIn);
      const more = size - times * standIn;
      if (times > 0 && Math.abs(more) <= NEAR) return { dim, times, more };
    }
    return undefined;
  }

  /** The dimension of `1 / t` and `1 / (3 t)`, as float32 numbers. */
  private ofInverse(number: number): string | undefined {
    for (const [standIn, dim] of this.names) {
      const times = Math.round(1 / (number * standIn));
      const inverse = Math.fround(1 / (times * standIn));
      if (times > 0 && times <= MOST_INVERTED && inverse === Math.fround(number)) return dim;
    }
    return undefined;
  }

  private standIn(dim: string): number {
    for (const [size, name] of this.names) if (name === dim) return size;
    const size = STAND_INS[this.names.size];
    if (size === undefined)
      throw new RangeError(`a step has at most ${STAND_INS.length} varying dimensions, at "${dim}"`);
    this.names.set(size, dim);
    return size;
  }
}

/** A size as `times` a dimension and `more`. */
type Found = { readonly dim: string; readonly times: number; readonly more: number };

function termOf({ dim, times, more }: Found): string {
  const product = times === 1 ? dim : `${times} ${dim}`;
  return more === 0 ? product : `${product} ${more < 0 ? "-" : "+"} ${Math.abs(more)}`;
}

function refuse(what: string, dim: string | undefined): void {
  if (dim !== undefined) throw new Error(`${what} inside the step depends on "${dim}", which varies from run to run`);
}
