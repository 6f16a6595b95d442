import type * as tf from "@tensorflow/tfjs";
import { type DenseOptions, type DenseSpec, dense, denseSpec } from "./dense.js";
import { joinHeads, type SelfAttention, selfAttention, splitHeads } from "./dotProductAttention.js";
import type { ParamsOf } from "./params.js";

export type AttentionConfig = {
  /** Width D of the tokens. */
  readonly dim: number;
  readonly heads: number;
  /** Width d of a head; D/heads when absent. */
  readonly headDim?: number;
  /** Whether queries, keys and values have a bias; true when absent. */
  readonly qkvBias?: boolean;
  /** Whether a linear map follows the heads; true when absent. Without one, heads * d must be D. */
  readonly outProjection?: boolean;
};

/** Width d of a head: what the config says, else D/heads. */
export function headWidth({ dim, heads, headDim }: AttentionConfig): number {
  return headDim ?? dim / heads;
}

/**
 * Parameters of multi-head self-attention: one fused q, k, v map and the output map.
 * @throws RangeError when the heads' outputs together are not of the tokens' width and there is no output map
 */
export function attentionSpec(config: AttentionConfig, options: DenseOptions = {}): AttentionSpec {
  const { dim, heads, qkvBias = true, outProjection = true } = config;
  const inner = heads * headWidth(config);
  const qkv = denseSpec(dim, 3 * inner, { ...options, bias: qkvBias });
  if (outProjection) return { qkv, out: denseSpec(inner, dim, options) };
  if (inner === dim) return { qkv };
  throw new RangeError(`attention: without an output map, heads together want the tokens' width ${dim}, got ${inner}`);
}

type AttentionSpec = { readonly qkv: DenseSpec; readonly out?: DenseSpec };

export type AttentionParams = ParamsOf<AttentionSpec>;

/** What stands for the attention between queries, keys and values, all [B, heads, N, d]. */
export type Mix = (query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) => tf.Tensor;

/** Self-attention, or what stands for it. */
export type AttentionOptions = SelfAttention | { readonly heads: number; readonly mix: Mix };

/**
 * Multi-head self-attention: `softmax(q k^T / sqrt(d)) v` for each head of width d, then the output map.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
 * @param x tokens, [B, N, D]
 * @returns tokens, [B, N, D]
 */
export function attention(params: AttentionParams, x: tf.Tensor, options: AttentionOptions): tf.Tensor {
  return projectedAttention(params, dense(params.qkv, x), options);
}

/** `attention` of tokens whose queries, keys and values are there already: qkv is [B, N, 3 heads d]. */
export function projectedAttention(
  { out }: Pick<AttentionParams, "out">,
  qkv: tf.Tensor,
  options: AttentionOptions,
): tf.Tensor {
  const joined = "mix" in options ? mixed(qkv, options) : selfAttention(qkv, options);
  return out ? dense(out, joined) : joined;
}

function mixed(qkv: tf.Tensor, { heads, mix }: { readonly heads: number; readonly mix: Mix }): tf.Tensor {
  const { query, key, value } = splitHeads(qkv, heads);
  return joinHeads(mix(query, key, value));
}
