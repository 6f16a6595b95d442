/**
 * How different two images look to VGG-16: the squared distance of its unit-normalised features, averaged over
 * positions and summed over five levels.
 * Source: Zhang et al. 2018, arXiv:1801.03924, equation 1; version 0.1 of its package for the constants.
 */
import * as tf from "@tensorflow/tfjs";
import { VGG16, type Vgg16Config, vgg16Features, vgg16Spec } from "../models/vgg16.js";
import { expectShape } from "../nn/expectShape.js";
import type { ParamSpec, ParamsOf } from "../nn/params.js";
import { withoutGradient } from "../nn/stopGradient.js";

/**
 * - `lpips`: channels have the weights, none below 0, that were fitted to what people call similar.
 * - `features`: every channel weighs 1, which makes a level's distance `2 - 2 cos` of the feature vectors: the
 *   uncalibrated baseline of the source (its section 3, and `lpips=False` of its package). It needs VGG-16 alone.
 */
export type PerceptualForm = "lpips" | "features";

export type PerceptualConfig = Vgg16Config & { readonly form: PerceptualForm };

/** LPIPS as published. */
export const LPIPS: PerceptualConfig = { ...VGG16, form: "lpips" };

/**
 * All parameters: the network's, and for each level the weights of its channels, [C] (none in the plain form). None is
 * trained: make them constants of the program, which rearranges kernels and joins biases and activations to them once.
 */
export function perceptualSpec(config: PerceptualConfig = LPIPS) {
  const weights = config.widths.map((C): ParamSpec => ({ shape: [C], init: { kind: "ones" }, decay: false }));
  return { vgg: vgg16Spec(config), calibration: config.form === "lpips" ? weights : [] };
}

export type PerceptualParams = ParamsOf<ReturnType<typeof perceptualSpec>>;

/** Images and what a model made of them, both [B, H, W, C] in [0, 1], C 1 or 3, sides of 16 pixels or more. */
export type TensorPair = { readonly images: tf.Tensor; readonly reconstructions: tf.Tensor };

/** Mean of `perceptualDistances` over the batch. */
export function perceptualLoss(params: PerceptualParams, pair: TensorPair): tf.Scalar {
  return tf.mean(perceptualDistances(params, pair));
}

/**
 * Distance of each pair, `sum_l mean_hw sum_c w_lc (f_l(x^) - f_l(x))_c^2` with f_l the features of level l divided by
 * their norm over channels. The package's dropout before w is off, as it is outside of training there. Only the
 * reconstructions get a gradient: `images` count as constants.
 * @returns [B]; 0 for equal images
 * @throws RangeError when the two differ in shape or are no images
 */
export function perceptualDistances(params: PerceptualParams, { images, reconstructions }: TensorPair): tf.Tensor1D {
  expectShape("perceptual loss: reconstructions", reconstructions, images.shape);
  const features = (x: tf.Tensor) => vgg16Features(params.vgg, x).map(unitVectors);
  const wanted = withoutGradient(() => features(images));
  const levels = features(reconstructions).map((made, level) => {
    const squares = tf.mean(tf.squaredDifference(made, wanted[level]!), [1, 2]); // [B, C]
    const weights = params.calibration[level];
    return tf.sum(weights ? tf.mul(squares, weights) : squares, 1); // [B]
  });
  return tf.addN(levels) as tf.Tensor1D;
}

const EPSILON = 1e-10; // added to norms, as in the package
const SMALLEST_SQUARE = 1e-30; // far below EPSILON^2; the root has no slope at 0

/** `x / (|x| + 1e-10)` over channels. */
function unitVectors(x: tf.Tensor): tf.Tensor {
  const squares = tf.sum(tf.square(x), 3, true);
  return tf.div(x, tf.add(tf.sqrt(tf.maximum(squares, SMALLEST_SQUARE)), EPSILON));
}
