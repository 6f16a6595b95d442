/** The least time that a step of sampling can take. */
import type { PeakRates } from "../engine/machineRates.js";

/** What a step cannot do without. */
export type SamplingWork = {
  /** Bytes of all weights but the tables that codes and positions are looked up in. */
  readonly weightBytes: number;
  /** Bytes of the keys and values before. */
  readonly cacheBytes: number;
  /** Multiply-adds of the products with weights. */
  readonly multiplyAdds: number;
};

/** Seconds below which no step can be: weights are read or multiplied, whichever takes longer; the cache is read. */
export function samplingBound({ weightBytes, cacheBytes, multiplyAdds }: SamplingWork, rates: PeakRates): number {
  return Math.max(weightBytes / rates.bytes, multiplyAdds / rates.multiplyAdds) + cacheBytes / rates.bytes;
}
