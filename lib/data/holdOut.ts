import { permutation } from "../random.js";

/**
 * Images to keep out of training: `round(share * count)` of them, at least one, in random order.
 * @param share of 1
 * @throws RangeError when none would be left to train on
 */
export function heldOutImages(count: number, share: number, seed: number): Uint32Array {
  const held = Math.max(1, Math.round(share * count));
  if (held >= count) throw new RangeError(`hold-out: want images left to train on, got ${held} held out of ${count}`);
  return permutation(count, seed).slice(0, held);
}

/**
 * The numbers 0, 1, 2, ... without some: the i-th of those that are left.
 * @param without ascending, no number twice
 */
export function numbersWithout(without: Uint32Array): (i: number) => number {
  return (i) => {
    let [from, to] = [0, without.length]; // how many of `without` lie before the answer
    while (from < to) {
      const middle = (from + to) >> 1;
      if (without[middle]! - middle <= i) from = middle + 1;
      else to = middle;
    }
    return i + from;
  };
}
