import * as tf from "@tensorflow/tfjs";
import { type AttentionConfig, attentionSpec, type Mix, projectedAttention } from "./attention.js";
import { type DenseOptions, type DenseParams, dense, denseSpec } from "./dense.js";
import { type Dropout, dropout } from "./dropout.js";
import { expectShape } from "./expectShape.js";
import { gelu } from "./gelu.js";
import { layerNorm } from "./layerNorm.js";
import { type NormParams, normSpec } from "./normSpec.js";
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
    norm1: normSpec(config.dim),
    ...shiftSpec(config),
    attention: attentionSpec(config, init),
    norm2: normSpec(config.dim),
    mlp: { up: denseSpec(config.dim, config.mlpDim, init), down: denseSpec(config.mlpDim, config.dim, init) },
  };
}

function shiftSpec({ dim, tokenShift }: BlockConfig): { readonly shift?: TokenShiftSpec } {
  return tokenShift ? { shift: tokenShiftSpec(dim) } : {};
}

export type BlockParams = ParamsOf<ReturnType<typeof blockSpec>>;

export type BlockOptions = {
  readonly causal?: boolean;
  /** Takes the place of self-attention; there is no gradient then. */
  readonly cache?: BlockCache;
  /** Dropout on attention weights, MLP activations and both branches, with the block's index to tell layers apart. */
  readonly dropout?: Dropout & { readonly block: number };
  /** Whether the gradient computes the block again instead of keeping what it made: see `recompute`. */
  readonly recompute?: boolean;
};

/** What a block knows of the tokens before its own. */
export type BlockCache = {
  /** Attention over the cache. */
  readonly mix: Mix;
  /** What a token shift takes for the tokens before the normed tokens u. */
  readonly before: (u: tf.Tensor) => tf.Tensor;
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
  const { norm1, norm2, shift, attention, mlp } = params;
  const dropped = (branch: tf.Tensor, place: Place) => dropAt(options, branch, place);
  const again = remade(options);
  const project = ({ norm, qkv, shift }: Projection, x: tf.Tensor) => {
    const normed = layerNorm(norm, x);
    return dense(qkv, shift ? tokenShift(shift, normed, options.cache?.before(normed)) : normed);
  };
  const qkv = again.cheap(project, { norm: norm1, qkv: attention.qkv, ...(shift ? { shift } : {}) }, x);
  const h = tf.add(x, dropped(projectedAttention(attention, qkv, attentionOptions(config, options)), "attention"));
  const hidden = again.cheap(({ norm, up }, x) => dense(up, layerNorm(norm, x)), { norm: norm2, up: mlp.up }, h);
  const activated = (x: tf.Tensor) => dropped(activate(config, x), "activation"); // [B, N, mlpDim]
  const out = again.dropping(({ down }, x) => dense(down, activated(x)), { down: mlp.down }, hidden);
  return tf.add(h, dropped(out, "mlp"));
}

/** The dropout layers of a block, in the order of their numbers. */
const PLACES = ["weights", "attention", "activation", "mlp"] as const;
type Place = (typeof PLACES)[number];

const layerOf = (block: number, place: Place) => block * PLACES.length + PLACES.indexOf(place);

function dropAt({ dropout: drop }: BlockOptions, x: tf.Tensor, place: Place): tf.Tensor {
  return drop ? dropout(x, drop, layerOf(drop.block, place)) : x;
}

function attentionOptions({ heads }: BlockConfig, { cache, causal = false, dropout: drop }: BlockOptions) {
  if (cache) return { heads, mix: cache.mix };
  const drops = drop && drop.rate > 0;
  return { heads, causal, ...(drops ? { dropout: { ...drop, layer: layerOf(drop.block, "weights") } } : {}) };
}

/**
 * How products are made with what leads to them: of each branch only their inputs and outputs are kept for the gradient, since norms
 * and activations are one pass to make again, and as large as what they are made of. `dropping` is for what dropout is part of,
 * which takes as long to make again as the product.
 */
function remade({ cache, dropout, recompute: all }: BlockOptions) {
  const direct: typeof recompute = (f, params, x) => f(params, x);
  // All of the block is made again as it is, and a cache, which keeps what the projection makes, has no gradient.
  const cheap = all || cache ? direct : recompute;
  return { cheap, dropping: dropout && dropout.rate > 0 ? direct : cheap };
}

type Projection = {
  readonly norm: NormParams;
  readonly qkv: DenseParams;
  readonly shift?: NonNullable<BlockParams["shift"]>;
};

function activate({ activation = "gelu" }: BlockConfig, x: tf.Tensor): tf.Tensor {
  if (activation === "squaredRelu") return squaredRelu(x);
  return activation === "tanh" ? tf.tanh(x) : gelu(x);
}
