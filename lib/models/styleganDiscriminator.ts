/**
 * The StyleGAN2 discriminator: residual blocks that halve the side, equalised learning rates, minibatch deviation.
 * Source: Karras et al. 2020, arXiv:1912.04958, section 4 (residual variant); details as in the public ports.
 */
import * as tf from "@tensorflow/tfjs";
import { blur } from "../nn/blur.js";
import { expectShape } from "../nn/expectShape.js";
import { leakyRelu } from "../nn/leakyRelu.js";
import type { ParamSpec, ParamsOf } from "../nn/params.js";

export type DiscriminatorConfig = {
  readonly imageSize: number;
  readonly channels: 1 | 3;
  /** Factor on the channels of every resolution; at least 4 remain. */
  readonly channelScale: number;
};

/** Channels by side of the feature map, at `channelScale` 1. */
function channelsAt(side: number, { channelScale }: DiscriminatorConfig): number {
  const full = side <= 64 ? 512 : Math.max(16, 32768 / 2 ** Math.ceil(Math.log2(side)));
  return Math.max(4, Math.round(full * channelScale));
}

/** Sides of the feature maps: halved, rounding down, until 4 or less. For powers of two these are StyleGAN2's. */
function sides({ imageSize }: DiscriminatorConfig): number[] {
  const all = [imageSize];
  while (all.at(-1)! > 4) all.push(Math.floor(all.at(-1)! / 2));
  return all;
}

/** All parameters; weights start standard normal and are scaled at use. */
export function discriminatorSpec(config: DiscriminatorConfig) {
  const [first, ...rest] = sides(config) as [number, ...number[]];
  const last = [first, ...rest].at(-1)!;
  const width = channelsAt(last, config);
  let from = channelsAt(first, config);
  const blocks = rest.map((side) => {
    const to = channelsAt(side, config);
    const block = {
      conv1: kernelAndBias([3, 3, from, from]),
      conv2: kernelAndBias([3, 3, from, to]),
      skip: { kernel: normal([1, 1, from, to]) },
    };
    from = to;
    return block;
  });
  return {
    input: kernelAndBias([1, 1, config.channels, channelsAt(first, config)]),
    blocks,
    final: kernelAndBias([3, 3, width + 1, width]),
    hidden: kernelAndBias([last * last * width, width]),
    output: kernelAndBias([width, 1]),
  };
}

export type DiscriminatorParams = ParamsOf<ReturnType<typeof discriminatorSpec>>;

/**
 * Logits [B]: positive for images taken for real.
 * @param images [B, H, W, C] in [-1, 1]
 * @throws RangeError when images do not have the configured size and channels
 */
export function discriminate(params: DiscriminatorParams, config: DiscriminatorConfig, images: tf.Tensor): tf.Tensor {
  expectShape("discriminator: images", images, [null, config.imageSize, config.imageSize, config.channels]);
  let x = activate(params.input, conv(params.input.kernel, images));
  for (const block of params.blocks) x = residual(block, x);
  x = tf.concat([x, minibatchDeviation(x)], 3);
  x = activate(params.final, conv(params.final.kernel, x));
  const flat = tf.reshape(x, [x.shape[0]!, -1]); // (row, column, channel) order
  const hidden = activate(params.hidden, linear(params.hidden.kernel, flat));
  return tf.reshape(tf.add(linear(params.output.kernel, hidden), params.output.bias), [-1]);
}

type BlockParams = DiscriminatorParams["blocks"][number];

/** Main path: conv, blur, conv with stride 2; skip path: blur, 1x1 conv with stride 2; `(main + skip) / sqrt 2`. */
function residual({ conv1, conv2, skip }: BlockParams, x: tf.Tensor): tf.Tensor {
  const main = activate(conv1, conv(conv1.kernel, x));
  const narrowed = activate(conv2, conv(conv2.kernel, blur(main, 2), { stride: 2, pad: "valid" }));
  const skipped = conv(skip.kernel, blur(x, 1), { stride: 2, pad: "valid" });
  return tf.mul(tf.add(narrowed, skipped), Math.SQRT1_2);
}

/** Equalised convolution: the kernel over the root of its fan-in (Karras et al. 2018, arXiv:1710.10196, section 4.1). */
function conv(
  kernel: tf.Tensor,
  x: tf.Tensor,
  { stride = 1, pad = "same" }: { stride?: number; pad?: "same" | "valid" } = {},
): tf.Tensor {
  const [height, width, from] = kernel.shape as [number, number, number];
  const scaled = tf.mul(kernel, 1 / Math.sqrt(height * width * from));
  return tf.conv2d(x as tf.Tensor4D, scaled as tf.Tensor4D, stride, pad);
}

/** Equalised linear map [B, from] -> [B, to]. */
function linear(kernel: tf.Tensor, x: tf.Tensor): tf.Tensor {
  return tf.matMul(x as tf.Tensor2D, tf.mul(kernel, 1 / Math.sqrt(kernel.shape[0]!)) as tf.Tensor2D);
}

const SLOPE = 0.2;

/** `sqrt 2 * leakyRelu(x + bias)`: the factor keeps the variance of the linear map before it. */
function activate({ bias }: { bias: tf.Tensor }, x: tf.Tensor): tf.Tensor {
  return tf.mul(leakyRelu(tf.add(x, bias), SLOPE), Math.SQRT2);
}

const GROUP = 4;
const DEVIATION_EPSILON = 1e-8;

/**
 * One more channel that holds, for each group of samples, the mean standard deviation of its features: a discriminator
 * sees when samples are too alike. Groups are of 4 or, if that does not divide the batch, of the largest number below that
 * does; member j of a group is sample j + k B/g, as in the ports.
 * @returns [B, H, W, 1]
 */
function minibatchDeviation(x: tf.Tensor): tf.Tensor {
  const [B, H, W, C] = x.shape as [number, number, number, number];
  const size = [GROUP, 3, 2, 1].find((candidate) => B % candidate === 0)!;
  const groups = tf.reshape(x, [size, B / size, H, W, C]);
  const centred = tf.sub(groups, tf.mean(groups, 0, true));
  const deviation = tf.sqrt(tf.add(tf.mean(tf.square(centred), 0), DEVIATION_EPSILON)); // [B/g, H, W, C]
  const each = tf.reshape(tf.mean(deviation, [1, 2, 3]), [1, B / size, 1, 1, 1]);
  return tf.reshape(tf.mul(each, tf.ones([size, B / size, H, W, 1])), [B, H, W, 1]);
}

function kernelAndBias(shape: readonly number[]) {
  const bias: ParamSpec = { shape: [shape.at(-1)!], init: { kind: "zeros" }, decay: false };
  return { kernel: normal(shape), bias };
}

function normal(shape: readonly number[]): ParamSpec {
  return { shape, init: { kind: "normal", std: 1 }, decay: true };
}
