import * as tf from "@tensorflow/tfjs";
import { type AttentionConfig, type AttentionOptions, attention, attentionSpec } from "./attention.js";
import { type DenseOptions, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import { expectShape } from "./expectShape.js";
import { gelu } from "./gelu.js";
import { layerNorm, layerNormSpec } from "./layerNorm.js";
import type { ParamsOf } from "./params.js";
import { recompute } from "./recompute.js";

export type BlockConfig = AttentionConfig & {
  /** Hidden width of the MLP. */
  readonly mlpDim: number;
  /** MLP activation; the paper is silent, tanh is what the best-known port uses. */
  readonly activation?: "gelu" | "tanh";
  /** Standard deviation of normal initial weights; Xavier-uniform when absent. */
  readonly initStd?: number;
};

/** Parameters of one transformer block. */
export function blockSpec(config: BlockConfig) {
  const init: DenseOptions = config.initStd === undefined ? {} : { init: { kind: "normal", std: config.initStd } };
  return {
    norm1: layerNormSpec(config.dim),
    attention: attentionSpec(config, init),
    norm2: layerNormSpec(config.dim),
    mlp: { up: denseSpec(config.dim, config.mlpDim, init), down: denseSpec(config.mlpDim, config.dim, init) },
  };
}

export type BlockParams = ParamsOf<ReturnType<typeof blockSpec>>;

export type BlockOptions = {
  readonly causal?: boolean;
  /** Replaces plain attention between queries, keys and values (a KV cache does). */
  readonly mix?: AttentionOptions["mix"];
  /** Dropout on attention weights, MLP activations and both branches, with the block's index to tell layers apart. */
  readonly dropout?: Dropout & { readonly block: number };
  /** Whether the gradient computes the block again instead of keeping what it made: see `recompute`. */
  readonly recompute?: boolean;
};

/**
 * One pre-LN transformer block: `h = x + Attention(LN(x))`, `y = h + MLP(LN(h))`.
 * Source: Xiong et al. 2020, arXiv:2002.04745, the Pre-LN variant.
 * @param x tokens, [B, N, D] with D = config.dim
 * @returns tokens, [B, N, D]
 * @throws RangeError when x is not [B, N, config.dim]
 */
export function block(params: BlockParams, config: BlockConfig, x: tf.Tensor, options: BlockOptions = {}): tf.Tensor {
  expectShape("block: x", x, [null, null, config.dim]);
  const run = (params: BlockParams, x: tf.Tensor) => branches(params, config, x, options);
  return options.recompute ? recompute(run, params, x) : run(params, x);
}

function branches(params: BlockParams, config: BlockConfig, x: tf.Tensor, options: BlockOptions): tf.Tensor {
  const { dropout: drop, causal = false, mix } = options;
  // Four dropout layers a block: attention weights, attention branch, MLP activation, MLP branch.
  const layer = (place: number) => (drop ? drop.block * 4 + place : 0);
  const dropped = (branch: tf.Tensor, place: number) => (drop ? dropout(branch, drop, layer(place)) : branch);
  const attended = attention(params.attention, layerNorm(params.norm1, x), {
    heads: config.heads,
    causal,
    ...(mix ? { mix } : {}),
    ...(drop && drop.rate > 0 ? { dropout: { ...drop, layer: layer(0) } } : {}),
  });
  const h = tf.add(x, dropped(attended, 1));
  const hidden = activate(config, dense(params.mlp.up, layerNorm(params.norm2, h))); // [B, N, mlpDim]
  return tf.add(h, dropped(dense(params.mlp.down, dropped(hidden, 2)), 3));
}

function activate({ activation = "gelu" }: BlockConfig, x: tf.Tensor): tf.Tensor {
  return activation === "tanh" ? tf.tanh(x) : gelu(x);
}
