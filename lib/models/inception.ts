/**
 * Inception v3 as image metrics use it: the TensorFlow graph of 5 December 2015 in the layout of its PyTorch port, with
 * batch normalization folded into the convolutions (`foreign/inceptionState.ts`). It differs from the published network and from
 * torchvision's: means over windows leave the padding out, the last block takes maxima, and there are 1008 logits.
 * Source: Szegedy et al. 2015, arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500; the ports pytorch-fid and
 * torch-fidelity, whose weights and names of parameters these are.
 */
import * as tf from "@tensorflow/tfjs";
import { type Conv2dOptions, type Conv2dParams, type Conv2dSpec, conv2d, conv2dSpec } from "../nn/conv2d.js";
import { dense, denseSpec } from "../nn/dense.js";
import { expectShape } from "../nn/expectShape.js";
import type { ParamSpec, ParamsOf } from "../nn/params.js";
import { type PixelGrid, resizeBilinear } from "../nn/resizeBilinear.js";

/** Side of the images that the network was trained on, in pixels. */
export const INCEPTION_SIDE = 299;
/** Width of the pooled features. */
export const INCEPTION_FEATURES = 2048;
/** Number of logits: 1000 classes of ImageNet and eight that mean nothing. */
export const INCEPTION_LOGITS = 1008;

const SMALLEST = 75; // pixels; below that no row is left for the last blocks

/**
 * How images become the network's input, which moves every score a little: numbers of two protocols do not compare.
 * `pytorch-fid`: half-pixel bilinear, `2x - 1`. `torch-fidelity`: TensorFlow 1's bilinear, `(255x - 128) / 128`, as in
 * the graph itself; it is meant for images of whole bytes.
 */
export type InceptionProtocol = "pytorch-fid" | "torch-fidelity";

const PROTOCOLS: Record<InceptionProtocol, { grid: PixelGrid; scale: number }> = {
  "pytorch-fid": { grid: "half-pixel", scale: 2 },
  "torch-fidelity": { grid: "top-left", scale: 255 / 128 },
};

/** All parameters, by the names of the port with `/` for `.`. */
export function inceptionSpec() {
  return {
    Conv2d_1a_3x3: convSpec([3, 3], 3, 32),
    Conv2d_2a_3x3: convSpec([3, 3], 32, 32),
    Conv2d_2b_3x3: convSpec([3, 3], 32, 64),
    Conv2d_3b_1x1: convSpec([1, 1], 64, 80),
    Conv2d_4a_3x3: convSpec([3, 3], 80, 192),
    Mixed_5b: blockASpec(192, 32),
    Mixed_5c: blockASpec(256, 64),
    Mixed_5d: blockASpec(288, 64),
    Mixed_6a: blockBSpec(288),
    Mixed_6b: blockCSpec(768, 128),
    Mixed_6c: blockCSpec(768, 160),
    Mixed_6d: blockCSpec(768, 160),
    Mixed_6e: blockCSpec(768, 192),
    Mixed_7a: blockDSpec(768),
    Mixed_7b: blockESpec(1280),
    Mixed_7c: blockESpec(2048),
    fc: { ...denseSpec(INCEPTION_FEATURES, INCEPTION_LOGITS, { bias: false }), bias: LOGIT_BIASES },
  };
}

const LOGIT_BIASES: ParamSpec = { shape: [INCEPTION_LOGITS], init: { kind: "zeros" }, decay: false };

export type InceptionParams = ParamsOf<ReturnType<typeof inceptionSpec>>;

export type InceptionFeatures = {
  /** Mean of the last block over all places, [B, 2048]: what FID compares. */
  readonly pooled: tf.Tensor;
  /** [B, 1008]. */
  readonly logits: tf.Tensor;
  /** The logits less their biases: what published Inception Scores are computed from, since their first code did so. */
  readonly logitsWithoutBias: tf.Tensor;
};

/**
 * Features of images of any size.
 * @param images [B, H, W, C] in [0, 1]; grey ones (C = 1) are taken as RGB of three equal channels
 * @throws RangeError when the images have neither 1 nor 3 channels
 */
export function inceptionFeatures(
  params: InceptionParams,
  protocol: InceptionProtocol,
  images: tf.Tensor,
): InceptionFeatures {
  const grey = images.shape.at(-1) === 1;
  expectShape("inception: images", images, [null, null, null, grey ? 1 : 3]);
  const { grid, scale } = PROTOCOLS[protocol];
  const resized = resizeBilinear(images, { height: INCEPTION_SIDE, width: INCEPTION_SIDE, grid });
  const input = tf.sub(tf.mul(resized, scale), 1);
  return inceptionOutputs(params, grey ? tf.concat([input, input, input], 3) : input);
}

/**
 * The network itself, at whatever size the input has.
 * @param x [B, H, W, 3] in [-1, 1], H and W at least 75
 * @throws RangeError when the input is smaller or has another number of channels
 */
export function inceptionOutputs(params: InceptionParams, x: tf.Tensor): InceptionFeatures {
  expectShape("inception: input", x, [null, null, null, 3]);
  const [, H, W] = x.shape as [number, number, number, number];
  if (Math.min(H, W) < SMALLEST)
    throw new RangeError(`inception: want an input of at least ${SMALLEST}x${SMALLEST} pixels, got ${H}x${W}`);
  let y = stem(params, x);
  for (const each of [params.Mixed_5b, params.Mixed_5c, params.Mixed_5d]) y = blockA(each, y);
  y = blockB(params.Mixed_6a, y);
  for (const each of [params.Mixed_6b, params.Mixed_6c, params.Mixed_6d, params.Mixed_6e]) y = blockC(each, y);
  y = blockD(params.Mixed_7a, y);
  y = blockE(params.Mixed_7b, y, neighbourMean);
  y = blockE(params.Mixed_7c, y, neighbourMaximum);
  const pooled = tf.mean(y, [1, 2]);
  const logitsWithoutBias = dense({ kernel: params.fc.kernel }, pooled);
  return { pooled, logits: tf.add(logitsWithoutBias, params.fc.bias), logitsWithoutBias };
}

/** [B, H, W, 3] -> [B, h, w, 192], 35x35 for 299x299. */
function stem(params: InceptionParams, x: tf.Tensor): tf.Tensor {
  let y = conv(params.Conv2d_1a_3x3, x, HALVED);
  y = conv(params.Conv2d_2a_3x3, y, { pad: "valid" });
  y = halvedMaximum(conv(params.Conv2d_2b_3x3, y));
  y = conv(params.Conv2d_3b_1x1, y);
  return halvedMaximum(conv(params.Conv2d_4a_3x3, y, { pad: "valid" }));
}

function blockASpec(from: number, pooled: number) {
  return {
    branch1x1: convSpec([1, 1], from, 64),
    branch5x5_1: convSpec([1, 1], from, 48),
    branch5x5_2: convSpec([5, 5], 48, 64),
    branch3x3dbl_1: convSpec([1, 1], from, 64),
    branch3x3dbl_2: convSpec([3, 3], 64, 96),
    branch3x3dbl_3: convSpec([3, 3], 96, 96),
    branch_pool: convSpec([1, 1], from, pooled),
  };
}

/** [B, h, w, from] -> [B, h, w, 224 + pooled] */
function blockA(params: ParamsOf<ReturnType<typeof blockASpec>>, x: tf.Tensor): tf.Tensor {
  return joined(
    conv(params.branch1x1, x),
    chain(x, params.branch5x5_1, params.branch5x5_2),
    chain(x, params.branch3x3dbl_1, params.branch3x3dbl_2, params.branch3x3dbl_3),
    conv(params.branch_pool, neighbourMean(x)),
  );
}

function blockBSpec(from: number) {
  return {
    branch3x3: convSpec([3, 3], from, 384),
    branch3x3dbl_1: convSpec([1, 1], from, 64),
    branch3x3dbl_2: convSpec([3, 3], 64, 96),
    branch3x3dbl_3: convSpec([3, 3], 96, 96),
  };
}

/** [B, h, w, from] -> [B, (h - 1) / 2, (w - 1) / 2, 480 + from] */
function blockB(params: ParamsOf<ReturnType<typeof blockBSpec>>, x: tf.Tensor): tf.Tensor {
  return joined(
    conv(params.branch3x3, x, HALVED),
    conv(params.branch3x3dbl_3, chain(x, params.branch3x3dbl_1, params.branch3x3dbl_2), HALVED),
    halvedMaximum(x),
  );
}

function blockCSpec(from: number, inner: number) {
  return {
    branch1x1: convSpec([1, 1], from, 192),
    branch7x7_1: convSpec([1, 1], from, inner),
    branch7x7_2: convSpec([1, 7], inner, inner),
    branch7x7_3: convSpec([7, 1], inner, 192),
    branch7x7dbl_1: convSpec([1, 1], from, inner),
    branch7x7dbl_2: convSpec([7, 1], inner, inner),
    branch7x7dbl_3: convSpec([1, 7], inner, inner),
    branch7x7dbl_4: convSpec([7, 1], inner, inner),
    branch7x7dbl_5: convSpec([1, 7], inner, 192),
    branch_pool: convSpec([1, 1], from, 192),
  };
}

/** [B, h, w, from] -> [B, h, w, 768] */
function blockC(params: ParamsOf<ReturnType<typeof blockCSpec>>, x: tf.Tensor): tf.Tensor {
  const { branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5 } = params;
  return joined(
    conv(params.branch1x1, x),
    chain(x, params.branch7x7_1, params.branch7x7_2, params.branch7x7_3),
    chain(x, branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5),
    conv(params.branch_pool, neighbourMean(x)),
  );
}

function blockDSpec(from: number) {
  return {
    branch3x3_1: convSpec([1, 1], from, 192),
    branch3x3_2: convSpec([3, 3], 192, 320),
    branch7x7x3_1: convSpec([1, 1], from, 192),
    branch7x7x3_2: convSpec([1, 7], 192, 192),
    branch7x7x3_3: convSpec([7, 1], 192, 192),
    branch7x7x3_4: convSpec([3, 3], 192, 192),
  };
}

/** [B, h, w, from] -> [B, (h - 1) / 2, (w - 1) / 2, 512 + from] */
function blockD(params: ParamsOf<ReturnType<typeof blockDSpec>>, x: tf.Tensor): tf.Tensor {
  const { branch7x7x3_1, branch7x7x3_2, branch7x7x3_3, branch7x7x3_4 } = params;
  return joined(
    conv(params.branch3x3_2, conv(params.branch3x3_1, x), HALVED),
    conv(branch7x7x3_4, chain(x, branch7x7x3_1, branch7x7x3_2, branch7x7x3_3), HALVED),
    halvedMaximum(x),
  );
}

function blockESpec(from: number) {
  return {
    branch1x1: convSpec([1, 1], from, 320),
    branch3x3_1: convSpec([1, 1], from, 384),
    branch3x3_2a: convSpec([1, 3], 384, 384),
    branch3x3_2b: convSpec([3, 1], 384, 384),
    branch3x3dbl_1: convSpec([1, 1], from, 448),
    branch3x3dbl_2: convSpec([3, 3], 448, 384),
    branch3x3dbl_3a: convSpec([1, 3], 384, 384),
    branch3x3dbl_3b: convSpec([3, 1], 384, 384),
    branch_pool: convSpec([1, 1], from, 192),
  };
}

/** [B, h, w, from] -> [B, h, w, 2048] */
function blockE(
  params: ParamsOf<ReturnType<typeof blockESpec>>,
  x: tf.Tensor,
  pool: (x: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const single = conv(params.branch3x3_1, x);
  const double = chain(x, params.branch3x3dbl_1, params.branch3x3dbl_2);
  return joined(
    conv(params.branch1x1, x),
    conv(params.branch3x3_2a, single),
    conv(params.branch3x3_2b, single),
    conv(params.branch3x3dbl_3a, double),
    conv(params.branch3x3dbl_3b, double),
    conv(params.branch_pool, pool(x)),
  );
}

/** Parameters of a convolution: kernel [kh, kw, from, to], bias [to]. */
function convSpec(kernel: readonly [kh: number, kw: number], from: number, to: number): Conv2dSpec {
  return conv2dSpec({ kernel, from, to });
}

const HALVED = { stride: 2, pad: "valid" } as const;

/** `relu(x * kernel + bias)`; the size stays unless `options` say otherwise. */
function conv(params: Conv2dParams, x: tf.Tensor, options: Conv2dOptions = {}): tf.Tensor {
  return tf.relu(conv2d(params, x, options));
}

function chain(x: tf.Tensor, ...layers: readonly Conv2dParams[]): tf.Tensor {
  return layers.reduce((y, params) => conv(params, y), x);
}

function joined(...branches: readonly tf.Tensor[]): tf.Tensor {
  return tf.concat([...branches], 3);
}

/** Mean over 3x3 neighbours, of those that lie inside the image. */
function neighbourMean(x: tf.Tensor): tf.Tensor {
  return tf.avgPool(x as tf.Tensor4D, 3, 1, "same");
}

function neighbourMaximum(x: tf.Tensor): tf.Tensor {
  return tf.maxPool(x as tf.Tensor4D, 3, 1, "same");
}

function halvedMaximum(x: tf.Tensor): tf.Tensor {
  return tf.maxPool(x as tf.Tensor4D, 3, 2, "valid");
}
