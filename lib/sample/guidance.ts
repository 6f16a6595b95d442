/**
 * Classifier-free guidance: logits led away from what the model expects without a class.
 * Source: Ho & Salimans 2022, arXiv:2207.12598, equation 6, on logits and with `S = 1 + w`.
 */
import { UsageError } from "../errors.js";

export const GUIDANCE_SCHEDULES = ["constant", "linear", "cosine"] as const;

export type Guidance = {
  /** S: 1 is the conditional model, 0 the one without a class, more than 1 exaggerates the class. */
  readonly scale: number;
  /** How the scale comes to S along the sequence. */
  readonly schedule: (typeof GUIDANCE_SCHEDULES)[number];
};

/** @throws UsageError when the scale is out of its range */
export function checkGuidance({ scale }: Guidance): void {
  if (!(scale >= 0 && Number.isFinite(scale))) throw new UsageError(`guidance: want a number >= 0, got ${scale}`);
}

/**
 * The scale at position t of 0..T-1. With `u = t / (T - 1)`, constant: `S`; linear: `1 + (S - 1) u`; cosine:
 * `1 + (S - 1) (1 - cos(pi u)) / 2`. The last two go from 1 to S; a sequence of one code has S.
 * Source: linear as in Muse (Chang et al. 2023, arXiv:2301.00704, section 2.7), over positions in place of its passes;
 * cosine as in MDT (Gao et al. 2023, arXiv:2303.14389, appendix), of power 1.
 */
export function scaleAt({ scale, schedule }: Guidance, t: number, T: number): number {
  const u = T > 1 ? t / (T - 1) : 1;
  switch (schedule) {
    case "constant":
      return scale;
    case "linear":
      return 1 + (scale - 1) * u;
    case "cosine":
      return 1 + ((scale - 1) * (1 - Math.cos(Math.PI * u))) / 2;
  }
}

/**
 * `unconditional + scale (conditional - unconditional)`, code by code.
 * @param conditional logits of a sequence with its class, [K]
 * @param unconditional logits of the same codes without a class, [K]
 */
export function guidedLogits(
  conditional: Float32Array,
  { unconditional, scale }: { readonly unconditional: Float32Array; readonly scale: number },
): Float32Array {
  return conditional.map((logit, code) => unconditional[code]! + scale * (logit - unconditional[code]!));
}
