import * as tf from "@tensorflow/tfjs";
import { type AttentionConfig, type AttentionOptions, attentionSpec, projectedAttention } from "./attention.js";
import { type DenseOptions, type DenseParams, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import { expectShape } from "./expectShape.js";
import { gelu } from "./gelu.js";
import { type LayerNormParams, layerNorm, layerNormSpec } from "./layerNorm.js";
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

/**
 * Of each branch only the inputs and outputs of its matrix products are kept for the gradient: norms and activations are
 * one pass to make again, and as large as what they are made of.
 */
function branches(params: BlockParams, config: BlockConfig, x: tf.Tensor, options: BlockOptions): tf.Tensor {
  const { dropout: drop, causal = false, mix, before } = options;
  // Four dropout layers a block: attention weights, attention branch, MLP activation, MLP branch.
  const layer = (place: number) => (drop ? drop.block * 4 + place : 0);
  const dropped = (branch: tf.Tensor, place: number) => (drop ? dropout(branch, drop, layer(place)) : branch);
  const drops = drop !== undefined && drop.rate > 0;
  const kept: typeof recompute = (f, params, x) => f(params, x);
  // A cache is for drawing, which has no gradient, and keeps what the projection makes.
  const again = options.recompute || before ? kept : recompute;
  const { norm1, norm2, shift, attention, mlp } = params;
  const project = ({ norm, qkv, shift }: Projection, x: tf.Tensor) => {
    const normed = layerNorm(norm, x);
    return dense(qkv, shift ? tokenShift(shift, normed, before?.(normed)) : normed);
  };
  const qkv = again(project, { norm: norm1, qkv: attention.qkv, ...(shift ? { shift } : {}) }, x);
  const attended = projectedAttention(attention, qkv, {
    heads: config.heads,
    causal,
    ...(mix ? { mix } : {}),
    ...(drops ? { dropout: { ...drop, layer: layer(0) } } : {}),
  });
  const h = tf.add(x, dropped(attended, 1));
  const hidden = again(({ norm, up }, x) => dense(up, layerNorm(norm, x)), { norm: norm2, up: mlp.up }, h);
  const activated = (x: tf.Tensor) => dropped(activate(config, x), 2); // [B, N, mlpDim]
  // What dropout drops takes as long to make again as the product.
  const out = (drops ? kept : again)(({ down }, x) => dense(down, activated(x)), { down: mlp.down }, hidden);
  return tf.add(h, dropped(out, 3));
}

type Projection = {
  readonly norm: LayerNormParams;
  readonly qkv: DenseParams;
  readonly shift?: NonNullable<BlockParams["shift"]>;
};

function activate({ activation = "gelu" }: BlockConfig, x: tf.Tensor): tf.Tensor {
  if (activation === "squaredRelu") return squaredRelu(x);
  return activation === "tanh" ? tf.tanh(x) : gelu(x);
}
