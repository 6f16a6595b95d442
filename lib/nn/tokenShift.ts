import * as tf from "@tensorflow/tfjs";
import type { ParamSpec, ParamsOf } from "./params.js";

/** Parameters of a token shift over `dim` channels; the first one starts with the token before alone, the last with its own. */
export function tokenShiftSpec(dim: number): TokenShiftSpec {
  return { mix: { shape: [dim], init: { kind: "ramp" }, decay: false } };
}

export type TokenShiftSpec = { readonly mix: ParamSpec };

/**
 * Token shift: `y_t = m u_t + (1 - m) u_(t-1)`, channel by channel.
 * Source: Peng et al. 2023, arXiv:2305.13048 (RWKV), section 3.1.1.
 * @param u tokens, [B, N, D]
 * @param before the tokens one position earlier, [B, N, D]; `tokensBefore(u)` when absent
 * @returns tokens, [B, N, D]
 */
export function tokenShift(
  { mix }: ParamsOf<TokenShiftSpec>,
  u: tf.Tensor,
  before: tf.Tensor = tokensBefore(u),
): tf.Tensor {
  return tf.add(before, tf.mul(mix, tf.sub(u, before)));
}

/** For each of the tokens [B, N, D] the one before it, zeros for the first. */
export function tokensBefore(u: tf.Tensor): tf.Tensor {
  const padded = tf.pad(u, [
    [0, 0],
    [1, 0],
    [0, 0],
  ]); // [B, N + 1, D]
  return tf.slice(padded, [0, 0, 0], [-1, u.shape[1]!, -1]);
}
