/** Sizes that stand for varying dimensions while tracing: primes that no other size is likely to be a multiple of. */
const STAND_INS = [1009, 1013, 1019, 1021];

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

  /** A shape with names in the places of stand-ins. */
  named(shape: readonly number[]): (number | string)[] {
    return shape.map((size) => this.names.get(size) ?? size);
  }

  /** The dimension on which a size depends; undefined for a size that is the same in every run. */
  of(size: number): string | undefined {
    for (const [standIn, dim] of this.names)
      if (size !== 0 && Number.isSafeInteger(size) && size % standIn === 0) return dim;
    return undefined;
  }

  /** @throws Error when one of these sizes depends on a dimension that varies from run to run */
  expectFixed(sizes: readonly number[]): void {
    for (const size of sizes) {
      const dim = this.of(size);
      if (dim !== undefined)
        throw new Error(`a shape inside the step depends on "${dim}", which varies from run to run`);
    }
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
