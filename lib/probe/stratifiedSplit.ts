import { permutation, streamSeed } from "../random.js";

/** Row numbers, ascending. */
export type Split = { readonly kept: Uint32Array; readonly heldOut: Uint32Array };

export type SplitOptions = {
  /** Class id of each row, 0..classes-1. */
  readonly labels: Int32Array;
  readonly classes: number;
  /** Share of each class to take out, inside 0..1. */
  readonly share: number;
  readonly seed: number;
};

/**
 * Splits rows at random so that each class gives the same share, rounded: at least one row and never all of them; a
 * class with a single row keeps it.
 * @throws RangeError when no class has two rows, so that nothing can be held out
 */
export function stratifiedSplit({ labels, classes, share, seed }: SplitOptions): Split {
  const isHeldOut = new Uint8Array(labels.length);
  for (const [label, members] of membersByClass(labels, classes).entries()) {
    const count = Math.min(members.length - 1, Math.max(1, Math.round(share * members.length)));
    const order = permutation(members.length, streamSeed(seed, "probe/heldOut", label));
    for (let i = 0; i < count; i++) isHeldOut[members[order[i]!]!] = 1;
  }
  const rows = Uint32Array.from(labels.keys());
  const split = { kept: rows.filter((row) => !isHeldOut[row]), heldOut: rows.filter((row) => isHeldOut[row]) };
  if (split.heldOut.length === 0)
    throw new RangeError("stratifiedSplit: want a class with two rows or more to hold one out, found none");
  return split;
}

/** Rows of each class, ascending. */
export function membersByClass(labels: Int32Array, classes: number): number[][] {
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const [row, label] of labels.entries()) byClass[label]!.push(row);
  return byClass;
}
