/** A part, and how many positions it had before this one. */
export type Share = { readonly part: number; readonly place: number };

/**
 * Deals positions 0, 1, 2, ... to parts in fixed shares, as evenly as whole numbers allow: of the first p positions part 0
 * has `floor(p w_0 / (w_0 + w_1 + ...))`, part 1 has `floor(q w_1 / (w_1 + w_2 + ...))` of the q left over, and so on.
 * Any position can be found without those before.
 * @param weights above 0, of any sum
 */
export function interleave(weights: readonly number[]): (position: number) => Share {
  const rest = Float64Array.from(weights);
  for (let part = rest.length - 2; part >= 0; part--) rest[part]! += rest[part + 1]!;
  return (position) => {
    let left = position;
    for (let part = 0; part < weights.length - 1; part++) {
      const had = (p: number) => Math.floor((p * weights[part]!) / rest[part]!);
      const place = had(left);
      if (had(left + 1) > place) return { part, place };
      left -= place;
    }
    return { part: weights.length - 1, place: left };
  };
}
