/**
 * Counter-based randomness: every draw is a pure function of (seed, stream name, counters, index), so a resumed run
 * needs no generator state beyond its step number, and the same bits can be made inside an ONNX graph.
 *
 * The hash is three rounds of `x -> swap16(x(2x+1))`: `x(2x+1)` is a permutation of uint32 that mixes upward, the
 * half-word swap brings the mixed bits down again. It uses only wrapping add, multiply and shift.
 */

/** A prime near 2^32 over the golden ratio: its multiples lie far apart. */
export const GOLDEN = 0x9e3779b1;
/** So many values half a 32-bit word can have. */
export const WORD_HALF = 65536;

const mixedUp = (x: number): number => Math.imul(x, (x + x + 1) | 0);
const swapped = (x: number): number => ((x >>> 16) | (x << 16)) >>> 0;
const round = (x: number): number => swapped(mixedUp(x));

/** 32 hashed bits of `index` under `seed` and `layer` (all uint32); the same bits as the graph lowering makes. */
export function hash32(index: number, seed: number, layer = 0): number {
  let x = (Math.imul(index, GOLDEN) + seed) | 0;
  x = (round(x) + layer) | 0;
  x = (round(x) + seed) | 0;
  return round(x);
}

/**
 * 32 bits for a place of a grid, of which each half serves as 16 of its own: `mixedUp(swapped(mixedUp(row + column)))`, less
 * than half the work of `hash32`. It wants numbers of the row and of the column that are hashes themselves.
 */
export function gridWord(row: number, column: number): number {
  return mixedUp(round(row + column)) >>> 0;
}

/**
 * Rows and columns of the grid over a tensor whose last axis is `width` long: as many of its rows are joined as divide them
 * all and keep a row of the grid within 2048 elements, since numbers of short rows take long to spread over them.
 */
export function gridOver(rows: number, width: number): readonly [rows: number, columns: number] {
  let joined = Math.max(1, Math.min(rows, Math.floor(LONGEST_ROW / width)));
  while (rows % joined !== 0) joined--;
  return [rows / joined, width * joined];
}

const LONGEST_ROW = 2048;

/** The numbers of `count` columns for `gridWord`: they know the layer, as those of rows know the seed. */
export function columnNumbers(count: number, layer: number): number[] {
  return Array.from({ length: count }, (_, column) => hash32(column, 0, layer));
}

/** Uniform in [0, 1) with 24 random bits: `(hash32 >>> 8) * 2^-24`, exact in float32. */
export function uniformAt(index: number, seed: number, layer = 0): number {
  return (hash32(index, seed, layer) >>> 8) * 2 ** -24;
}

/**
 * Seed (uint32) of a named stream, for instance `streamSeed(7, "dropout", step)`.
 * FNV-1a over the name, then each counter folded in through `hash32`.
 */
export function streamSeed(seed: number, name: string, ...counters: number[]): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  let s = hash32(seed >>> 0, h >>> 0);
  for (const c of counters) s = hash32(c >>> 0, s, Math.floor(c / 2 ** 32));
  return s;
}

/** A sequence of draws from one stream. */
export type Rng = {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal (Box-Muller, both halves used). */
  normal(): number;
  /** Integer in 0..n-1. */
  integer(n: number): number;
};

/** The sequence `uniformAt(0), uniformAt(1), ...` of a stream as a generator. */
export function rngFrom(seed: number): Rng {
  let at = 0;
  let spare: number | undefined;
  const uniform = () => uniformAt(at++, seed);
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    integer: (n) => Math.floor(uniform() * n),
  };
}

/** A permutation of 0..n-1 (Fisher-Yates) that depends on `seed` alone. */
export function permutation(n: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const rng = rngFrom(seed);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.integer(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}
