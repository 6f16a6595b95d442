/**
 * The parts of the convolutional VQGAN: residual blocks, attention over the pixels of a small image, and the levels
 * they form.
 * Source: Esser et al. 2021, arXiv:2012.09841, after Ho et al. 2020, arXiv:2006.11239, appendix B.
 */
import * as tf from "@tensorflow/tfjs";
import { type Conv2dSpec, conv2d, conv2dSpec } from "../nn/conv2d.js";
import { type DenseSpec, dense, denseSpec } from "../nn/dense.js";
import { dotProductAttention } from "../nn/dotProductAttention.js";
import { groupNorm } from "../nn/groupNorm.js";
import { type NormParams, type NormSpec, normSpec } from "../nn/normSpec.js";
import type { Init, ParamsOf } from "../nn/params.js";
import { swish } from "../nn/swish.js";

/** A convolution of side `kernel` that starts with the variance the published code gives it, `1 / (3 fan-in)`. */
export function convSpec(kernel: number, from: number, to: number): Conv2dSpec {
  return conv2dSpec({ kernel, from, to }, { init: scaledNormal(kernel * kernel * from) });
}

/** A linear map at every pixel that starts like the 1x1 convolution it is. */
export function pixelSpec(from: number, to: number): DenseSpec {
  return denseSpec(from, to, { init: scaledNormal(from) });
}

function scaledNormal(fanIn: number): Init {
  return { kind: "normal", std: 1 / Math.sqrt(3 * fanIn) };
}

export type ResBlockSpec = {
  readonly norm1: NormSpec;
  readonly conv1: Conv2dSpec;
  readonly norm2: NormSpec;
  readonly conv2: Conv2dSpec;
  /** Where the widths differ, a 1x1 convolution. */
  readonly shortcut?: Conv2dSpec;
};

/** Parameters of a residual block. */
export function resBlockSpec(from: number, to: number): ResBlockSpec {
  const block = {
    norm1: normSpec(from),
    conv1: convSpec(3, from, to),
    norm2: normSpec(to),
    conv2: convSpec(3, to, to),
  };
  return from === to ? block : { ...block, shortcut: convSpec(1, from, to) };
}

/**
 * `shortcut(x) + conv2(swish(norm2(conv1(swish(norm1(x))))))`, the shortcut being x itself where the widths agree.
 * @param x [B, H, W, from]
 * @returns [B, H, W, to]
 */
export function resBlock(params: ParamsOf<ResBlockSpec>, groups: number, x: tf.Tensor): tf.Tensor {
  const hidden = conv2d(params.conv1, normSwish(params.norm1, groups, x));
  const residual = conv2d(params.conv2, normSwish(params.norm2, groups, hidden));
  return tf.add(params.shortcut ? conv2d(params.shortcut, x) : x, residual);
}

/** `swish(norm(x))`, [B, H, W, C]. */
export function normSwish(params: NormParams, groups: number, x: tf.Tensor): tf.Tensor {
  return swish(groupNorm(params, x, { groups }));
}

export type AttentionBlockSpec = ReturnType<typeof attentionBlockSpec>;

/** Parameters of an attention block. */
export function attentionBlockSpec(dim: number) {
  const map = () => pixelSpec(dim, dim);
  return { norm: normSpec(dim), q: map(), k: map(), v: map(), out: map() };
}

/**
 * `x + out(softmax(q k^T / sqrt C) v)` over all pixels, in one head, with q, k and v linear maps of the normalised x.
 * @param x [B, H, W, C]
 */
export function attentionBlock(params: ParamsOf<AttentionBlockSpec>, groups: number, x: tf.Tensor): tf.Tensor {
  const [B, H, W, C] = x.shape as [number, number, number, number];
  const tokens = tf.reshape(groupNorm(params.norm, x, { groups }), [B, 1, H * W, C]);
  const [q, k, v] = [dense(params.q, tokens), dense(params.k, tokens), dense(params.v, tokens)];
  const mixed = dotProductAttention(q, k, v);
  return tf.add(x, tf.reshape(dense(params.out, mixed), [B, H, W, C]));
}

export type LevelSpec = {
  readonly blocks: readonly ResBlockSpec[];
  /** One after each block, or none. */
  readonly attentions: readonly AttentionBlockSpec[];
};

/** Parameters of `count` residual blocks at one resolution, the first of which changes the width. */
export function levelSpec(
  { from, to }: { readonly from: number; readonly to: number },
  { count, attends }: { readonly count: number; readonly attends: boolean },
): LevelSpec {
  return {
    blocks: Array.from({ length: count }, (_, i) => resBlockSpec(i === 0 ? from : to, to)),
    attentions: Array.from({ length: attends ? count : 0 }, () => attentionBlockSpec(to)),
  };
}

/** The blocks of a level, each followed by its attention. */
export function level(params: ParamsOf<LevelSpec>, groups: number, x: tf.Tensor): tf.Tensor {
  return params.blocks.reduce((y, block, i) => {
    const attention = params.attentions[i];
    const made = resBlock(block, groups, y);
    return attention ? attentionBlock(attention, groups, made) : made;
  }, x);
}

export type MiddleSpec = ReturnType<typeof middleSpec>;

/** Parameters of what lies at the lowest resolution. */
export function middleSpec(dim: number) {
  return { block1: resBlockSpec(dim, dim), attention: attentionBlockSpec(dim), block2: resBlockSpec(dim, dim) };
}

/** Residual block, attention, residual block. */
export function middle(params: ParamsOf<MiddleSpec>, groups: number, x: tf.Tensor): tf.Tensor {
  const mixed = attentionBlock(params.attention, groups, resBlock(params.block1, groups, x));
  return resBlock(params.block2, groups, mixed);
}
