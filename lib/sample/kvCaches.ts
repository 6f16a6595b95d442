/** Keys and values of sequences under way, kept in JavaScript and fed to the engine where they lie. */
import type { NamedHostTensors } from "../engine/types.js";
import { sequenceLength, type VimConfig } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";

/** What the name of a result begins with that a later step takes, under the rest of it. */
export const NEW = "new/";

/** The name under which a later step takes a result, where it does; else the result's own. */
export const takenAs = (result: string): string => (result.startsWith(NEW) ? result.slice(NEW.length) : result);

/** Positions by which caches grow. */
const GROWTH = 64;

/** Positions that caches of `filled` positions, at least 1, have room for: a multiple of 64, at most T. */
export function roomFor(filled: number, T: number): number {
  return Math.min(Math.ceil(filled / GROWTH) * GROWTH, T);
}

/**
 * Caches of all blocks, `k0`, `v0`, `k1`, ..., each [B, heads, C, d], and `mask` [C] for `cachedAttention`.
 *
 * Every head's rows lie in one piece, which the products of a step read at the speed of memory; position first, the
 * strided walk took twice as long. C is the filled length rounded up to 64, so that a step reads little beyond it. When C
 * grows, rows move apart within memory that was taken for whole sequences: one pass over the cache in 64 positions.
 */
export class KvCaches {
  readonly names: readonly string[];
  private readonly arrays: readonly Float32Array[];
  private readonly mask: Float32Array;
  private readonly rows: number;
  private readonly width: number;
  private room: number;
  private filled = 0;

  constructor(
    private readonly model: VimConfig,
    private readonly batchSize: number,
  ) {
    this.names = cacheNames(model);
    this.rows = batchSize * model.heads;
    this.width = headWidth(model);
    const T = sequenceLength(model);
    this.arrays = this.names.map(() => new Float32Array(T * this.rows * this.width));
    this.mask = new Float32Array(T).fill(Number.NEGATIVE_INFINITY);
    this.room = roomFor(1, T);
  }

  /**
   * Adds S positions.
   * @param results `new/k0`, `new/v0`, ..., each [B, heads, S, d]
   * @throws RangeError when they are more than a sequence has
   */
  append(results: NamedHostTensors): void {
    const added = results[NEW + this.names[0]]!.shape[2]!;
    const filled = this.filled + added;
    if (filled > this.mask.length)
      throw new RangeError(`caches: want at most ${this.mask.length} positions, got ${filled}`);
    if (filled > this.room) this.grow(roomFor(filled, this.mask.length));
    for (const [i, name] of this.names.entries()) this.write(this.arrays[i]!, results[NEW + name]!.data, added);
    this.mask.fill(0, this.filled, filled);
    this.filled = filled;
  }

  /** What a step is fed: views, valid until the next `append`; before the first, room with nothing in it. */
  views(): NamedHostTensors {
    const shape = [this.batchSize, this.model.heads, this.room, this.width];
    const size = this.rows * this.room * this.width;
    const views: NamedHostTensors = {
      mask: { dtype: "float32", shape: [this.room], data: this.mask.subarray(0, this.room) },
    };
    for (const [i, name] of this.names.entries())
      views[name] = { dtype: "float32", shape, data: this.arrays[i]!.subarray(0, size) };
    return views;
  }

  private write(array: Float32Array, added: ArrayLike<number>, count: number): void {
    const [from, to] = [count * this.width, this.room * this.width];
    for (let row = 0; row < this.rows; row++) {
      const start = row * to + this.filled * this.width;
      for (let i = 0; i < from; i++) array[start + i] = added[row * from + i]!;
    }
  }

  /** Moves rows apart, the last one first, since each goes to where later ones lay. */
  private grow(room: number): void {
    const [from, to, length] = [this.room * this.width, room * this.width, this.filled * this.width];
    if (this.filled > 0)
      for (const array of this.arrays)
        for (let row = this.rows - 1; row > 0; row--) array.copyWithin(row * to, row * from, row * from + length);
    this.room = room;
  }
}

/** Names of the caches of all blocks. */
export function cacheNames({ depth }: Pick<VimConfig, "depth">): string[] {
  return Array.from({ length: depth }, (_, i) => [`k${i}`, `v${i}`]).flat();
}
