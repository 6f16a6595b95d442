import * as tf from "@tensorflow/tfjs";
import { type AttentionConfig, type AttentionOptions, attention, attentionSpec } from "./attention.js";
import { type DenseOptions, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import { expectShape } from "./expectShape.js";
import { gelu } from "./gelu.js";
import { layerNorm, layerNormSpec } from "./layerNorm.js";
import type { ParamsOf } from "./params.js";
import { recompute } from "./recompute.js";
import { squaredRelu } from "./squaredRelu.js";
import { type TokenShiftSpec, tokenShift, tokenShiftSpec } from "./tokenShift.js";

export type BlockConfig = AttentionConfig & {
  /** Hidden width of the MLP. */
  readonly mlpDim: number;
  /** MLP activation; the paper is silent, the best-known port has tanh in stage 1 and a squared ReLU in stage 2. */
  readonly activation?: "gelu" | "tanh" | "squaredRelu";
  /** Whether attention is given tokens mixed with those before them, as in the port's stage 2; no when absent. */
  readonly tokenShift?: boolean;
  /** Standard deviation of normal initial weights; Xavier-uniform when absent. */
  readonly initStd?: number;
};

/** Parameters of one transformer block. */
export function blockSpec(config: BlockConfig) {
  const init: DenseOptions = config.initStd === undefined ? {} : { init: { kind: "normal", std: config.initStd } };
  return {
    norm1: layerNormSpec(config.dim),
    ...shiftSpec(config),
    attention: attentionSpec(config, init),
    norm2: layerNormSpec(config.dim),
    mlp: { up: denseSpec(config.dim, config.mlpDim, init), down: denseSpec(config.mlpDim, config.dim, init) },
  };
}

function shiftSpec({ dim, tokenShift }: BlockConfig): { readonly shift?: TokenShiftSpec } {
  return tokenShift ? { shift: tokenShiftSpec(dim) } : {};
}

export type BlockParams = ParamsOf<ReturnType<typeof blockSpec>>;

export type BlockOptions = {
  readonly causal?: boolean;
  /** Replaces plain attention between queries, keys and values (a KV cache does). */
  readonly mix?: AttentionOptions["mix"];
  /** What a token shift takes for the tokens before the normed tokens u (a cache does); `tokensBefore` when absent. */
  readonly before?: (u: tf.Tensor) => tf.Tensor;
  /** Dropout on attention weights, MLP activations and both branches, with the block's index to tell layers apart. */
  readonly dropout?: Dropout & { readonly block: number };
  /** Whether the gradient computes the block again instead of keeping what it made: see `recompute`. */
  readonly recompute?: boolean;
};

/**
 * One pre-LN transformer block: `h = x + Attention(S(LN(x)))`, `y = h + MLP(LN(h))`, S a token shift or nothing.
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
  const { dropout: drop, causal = false, mix, before } = options;
  // Four dropout layers a block: attention weights, attention branch, MLP activation, MLP branch.
  const layer = (place: number) => (drop ? drop.block * 4 + place : 0);
  const dropped = (branch: tf.Tensor, place: number) => (drop ? dropout(branch, drop, layer(place)) : branch);
  const normed = layerNorm(params.norm1, x);
  const shifted = params.shift ? tokenShift(params.shift, normed, before?.(normed)) : normed;
  const attended = attention(params.attention, shifted, {
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
  if (activation === "squaredRelu") return squaredRelu(x);
  return activation === "tanh" ? tf.tanh(x) : gelu(x);
}
