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
  const scaled = Float64Array.from(logits, (logit) => logit / temperature);
  if (topK > 0 && topK < scaled.length) {
    const threshold = Float64Array.from(scaled).sort()[scaled.length - topK]!;
    for (let i = 0; i < scaled.length; i++) if (scaled[i]! < threshold) scaled[i] = Number.NEGATIVE_INFINITY;
  }
  const probabilities = softmax(scaled);
  if (topP < 1) cutTail(probabilities, topP);
  return probabilities;
}

function softmax(logits: Float64Array): Float64Array {
  const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let i = 0; i < logits.length; i++) {
    const e = Math.exp(logits[i]! - highest);
    logits[i] = e;
    total += e;
  }
  for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / total;
  return logits;
}

/** Zeroes a code when the mass of the likelier ones already reaches `mass`; the likeliest always stays. */
function cutTail(probabilities: Float64Array, mass: number): void {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  let before = 0;
  let kept = 0;
  for (const code of order) {
    const p = probabilities[code]!;
    if (before >= mass) probabilities[code] = 0;
    else kept += p;
    before += p;
  }
  for (let i = 0; i < probabilities.length; i++) probabilities[i] = probabilities[i]! / kept;
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
