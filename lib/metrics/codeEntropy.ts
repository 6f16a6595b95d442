/** Entropies of codes that know nothing of the codes beside them, in nats per code. */

/** Counts the codes of whole images, at every position and over all of them. */
export type CodeCounter = {
  /**
   * @param codes [n * T], row by row
   * @throws RangeError when a code is outside 0..K-1 or the codes are no whole rows
   */
  add(codes: Int32Array): void;
  /** How often each code occurred anywhere, [K]. */
  counts(): Float64Array;
  /** Entropy of the codes at each position, [T]; from few rows it comes out too low. */
  positionEntropies(): Float64Array;
};

/** A counter for K = vocabulary codes at T = tokensPerImage positions. */
export function countCodes({ vocabulary: K, tokensPerImage: T }: { vocabulary: number; tokensPerImage: number }) {
  const counts = new Uint32Array(T * K);
  const atPosition = (t: number) => Float64Array.from(counts.subarray(t * K, (t + 1) * K));
  return {
    add(codes) {
      if (codes.length % T !== 0) throw new RangeError(`codes: want rows of ${T}, got ${codes.length} codes`);
      for (const [i, code] of codes.entries()) {
        if (!(code >= 0 && code < K)) throw new RangeError(`codes: want 0..${K - 1}, got ${code} at ${i}`);
        counts[(i % T) * K + code]!++;
      }
    },
    counts() {
      const sums = new Float64Array(K);
      for (const [i, count] of counts.entries()) sums[i % K]! += count;
      return sums;
    },
    positionEntropies: () => Float64Array.from({ length: T }, (_, t) => entropyOf(atPosition(t))),
  } satisfies CodeCounter;
}

/** `-sum p ln p` over the frequencies `p` of what was counted, in nats; 0 where nothing was. */
export function entropyOf(counts: Float64Array): number {
  const total = totalOf(counts);
  return counts.reduce((sum, count) => (count > 0 ? sum - (count / total) * Math.log(count / total) : sum), 0);
}

/**
 * Nats per code of `counts` under the add-one smoothed frequencies of others: `-sum p ln q`, `q_k = (r_k + 1) / (R + K)`.
 * @throws RangeError when the two count different vocabularies
 */
export function crossEntropyUnder(counts: Float64Array, reference: Float64Array): number {
  if (counts.length !== reference.length)
    throw new RangeError(`codes: want a reference of ${counts.length} codes, got ${reference.length}`);
  const [total, all] = [totalOf(counts), totalOf(reference) + reference.length];
  return counts.reduce((sum, count, k) => sum - (count / total) * Math.log((reference[k]! + 1) / all), 0);
}

const totalOf = (counts: Float64Array): number => counts.reduce((sum, count) => sum + count, 0);
