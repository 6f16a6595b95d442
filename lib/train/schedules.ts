/** Learning rates by step. Steps count from 0. */

export type Schedule = (step: number) => number;

export type CosineOptions = {
  readonly peak: number;
  readonly final: number;
  /** Steps of linear warm-up from 0. */
  readonly warmup: number;
  /** Step at which `final` is reached. */
  readonly total: number;
};

/** Linear warm-up to `peak`, then half a cosine down to `final`. Stage 1 of the paper: 50,000 of 500,000 steps, 1e-4 to 5e-5. */
export function warmupCosine({ peak, final, warmup, total }: CosineOptions): Schedule {
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
    return final + 0.5 * (peak - final) * (1 + Math.cos(Math.PI * progress));
  };
}

export type ExponentialOptions = CosineOptions & {
  /** Step at which the decay starts, not before the warm-up ends; the rate is constant before. */
  readonly hold: number;
};

/**
 * Linear warm-up to `peak`, constant until `hold`, then `peak (final/peak)^((step - hold)/(total - hold))`.
 * Stage 2 of the paper: warm-up 5,000, hold 80,000, 4.5e-4 to 1e-5 at 450,000.
 */
export function warmupHoldExponential({ peak, final, warmup, hold, total }: ExponentialOptions): Schedule {
  const decayStart = Math.max(hold, warmup); // else the rate would jump where a longer warm-up ends
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    if (step <= decayStart) return peak;
    return peak * (final / peak) ** Math.min(1, (step - decayStart) / Math.max(1, total - decayStart));
  };
}
