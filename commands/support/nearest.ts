/**
 * The candidate that `name` was probably meant to be: equal but for case and dashes, or one that it begins, or the one
 * with the fewest edits when these are at most a third of its letters; undefined when none comes near.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = bare(name);
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = distance(wanted, bare(candidate));
    if (edits < fewest) {
      best = candidate;
      fewest = edits;
    }
  }
  if (best !== undefined || wanted.length < 3) return best;
  for (const candidate of candidates) if (bare(candidate).startsWith(wanted)) return candidate;
  return undefined;
}

/** `; did you mean X?` for the nearest candidate (as `show` writes it), or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>, show = (found: string) => found): string {
  const found = nearest(name, candidates);
  return found === undefined ? "" : `; did you mean ${show(found)}?`;
}

const bare = (name: string): string => name.toLowerCase().replace(/[-_]/g, "");

/** Damerau-Levenshtein distance (optimal string alignment): inserts, deletes, replacements, swaps of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
