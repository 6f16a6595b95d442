/** From logits to one code: temperature, top-k, top-p, in that order, then a draw. */
import { UsageError } from "../errors.js";

export type Filter = {
  /** Divides the logits; 0 always takes the most likely code. */
  readonly temperature: number;
  /** Keeps the k most likely codes, and ties of the last of them; 0 keeps all. */
  readonly topK: number;
  /** Keeps the smallest set of most likely codes that reaches this mass; 1 keeps all. */
  readonly topP: number;
};

/** The paper's sampling: temperature 1, nothing cut. */
export const PLAIN_SAMPLING: Filter = { temperature: 1, topK: 0, topP: 1 };

/** @throws UsageError when a value is out of its range */
export function checkFilter({ temperature, topK, topP }: Filter): void {
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    throw new UsageError(`temperature: want a number >= 0, got ${temperature}`);
  if (!(Number.isInteger(topK) && topK >= 0)) throw new UsageError(`top-k: want an integer >= 0, got ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new UsageError(`top-p: want a number above 0 and up to 1, got ${topP}`);
}

/**
 * Draws a code: the first whose cumulative probability, in code order, exceeds `uniform`.
 * @param logits [K], left as they are
 * @param uniform in [0, 1)
 */
export function drawCode(logits: Float32Array, filter: Filter, uniform: number): number {
  if (filter.temperature === 0) return largest(logits);
  const probabilities = filteredProbabilities(logits, filter);
  let cumulative = 0;
  let last = 0;
  for (let code = 0; code < probabilities.length; code++) {
    const p = probabilities[code]!;
    if (p === 0) continue;
    cumulative += p;
    last = code;
    if (cumulative > uniform) return code;
  }
  return last; // rounding left the total a hair under `uniform`
}

/** Probabilities after the filter, summing to 1; codes that were cut have exactly 0. */
export function filteredProbabilities(logits: Float32Array, { temperature, topK, topP }: Filter): Float64Array {
  const scaled = new Float64Array(logits.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = logits[i]! / temperature;
  if (topK > 0 && topK < scaled.length) {
    const threshold = kthLargest(scaled, topK);
    for (let i = 0; i < scaled.length; i++) if (scaled[i]! < threshold) scaled[i] = Number.NEGATIVE_INFINITY;
  }
  softmaxInPlace(scaled);
  if (topP < 1) cutTail(scaled, topP);
  return scaled;
}

function softmaxInPlace(logits: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > highest) highest = logits[i]!;
  let total = 0;
  for (let i = 0; i < logits.length; i++) {
    const e = Math.exp(logits[i]! - highest);
    logits[i] = e;
    total += e;
  }
  for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / total;
}

/** Zeroes a code when the mass of the likelier ones, of equals the first, already reaches `mass`; the likeliest stays. */
function cutTail(probabilities: Float64Array, mass: number): void {
  // Codes below this have less than 1 - mass together, so the tail is among what is left when they are gone.
  const negligible = (1 - mass) / probabilities.length;
  const likely = probabilities.filter((p) => p >= negligible).sort();
  let kept = 0;
  let count = 0; // of the likeliest codes, those that stay
  while (count < likely.length && (count === 0 || kept < mass)) kept += likely[likely.length - ++count]!;
  const least = likely[likely.length - count]!;
  let ties = 0; // of the least likely ones that stay
  for (let i = likely.length - count; i < likely.length && likely[i] === least; i++) ties++;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    const stays = p > least || (p === least && ties-- > 0);
    probabilities[i] = stays ? p / kept : 0;
  }
}

/** The k-th largest value, 1 <= k <= length, by Hoare's selection: only the side that holds it is looked at again. */
function kthLargest(values: Float64Array, k: number): number {
  const some = values.slice();
  const wanted = some.length - k;
  for (let low = 0, high = some.length - 1; low < high; ) {
    const pivot = some[(low + high) >>> 1]!;
    let [left, right] = [low, high];
    while (left <= right) {
      while (some[left]! < pivot) left++;
      while (some[right]! > pivot) right--;
      if (left > right) break;
      const swapped = some[left]!;
      some[left++] = some[right]!;
      some[right--] = swapped;
    }
    if (wanted <= right) high = right;
    else if (wanted >= left) low = left;
    else break;
  }
  return some[wanted]!;
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
