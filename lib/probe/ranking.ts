/** Classes in order of their scores; equal scores rank in the order of the classes. */

/** The best class. */
export function largestAt(scores: ArrayLike<number>): number {
  let best = 0;
  for (let c = 1; c < scores.length; c++) if (scores[c]! > scores[best]!) best = c;
  return best;
}

/** How many classes rank before `label`: 0 for the best. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  const own = scores[label]!;
  let before = 0;
  for (let c = 0; c < scores.length; c++) if (scores[c]! > own || (scores[c] === own && c < label)) before++;
  return before;
}

/** The `count` best classes, best first; all where there are fewer. */
export function topClasses(scores: ArrayLike<number>, count: number): number[] {
  const top: number[] = [];
  for (let c = 0; c < scores.length; c++) {
    if (top.length === count && !(scores[c]! > scores[top.at(-1)!]!)) continue;
    const at = top.findIndex((other) => scores[c]! > scores[other]!);
    top.splice(at < 0 ? top.length : at, 0, c);
    if (top.length > count) top.pop();
  }
  return top;
}
