import { permutation, streamSeed } from "../random.js";
import { membersByClass, type SplitOptions } from "./stratifiedSplit.js";

/**
 * Rows, ascending, of which each class gives the share asked for, rounded, but at least one. The rows of a smaller
 * share are among those of a larger one with the same seed.
 * @throws RangeError when the share is not above 0 and up to 1
 */
export function stratifiedSubset({ labels, classes, share, seed }: SplitOptions): Uint32Array {
  if (!(share > 0 && share <= 1))
    throw new RangeError(`stratifiedSubset: want a share above 0 and up to 1, got ${share}`);
  const isChosen = new Uint8Array(labels.length);
  for (const [label, members] of membersByClass(labels, classes).entries()) {
    const count = Math.min(members.length, Math.max(1, Math.round(share * members.length)));
    const order = permutation(members.length, streamSeed(seed, "probe/fraction", label));
    for (let i = 0; i < count; i++) isChosen[members[order[i]!]!] = 1;
  }
  return Uint32Array.from(labels.keys()).filter((row) => isChosen[row]);
}
