import * as tf from "@tensorflow/tfjs";

/** Pixels are mapped from [0, 1] into [eps, 1 - eps] so that their logit is finite. DALL-E, appendix A.3. */
export const LOGIT_LAPLACE_EPSILON = 0.1;

/**
 * Smallest ln b a decoder may claim: about one grey level of 255 in logit units at mid-grey,
 * `ln(4 * 0.8 / 255)`. Without it, areas of one constant value drive b to 0 and the density without bound.
 */
export const MIN_LOG_SCALE = Math.log((4 * (1 - 2 * LOGIT_LAPLACE_EPSILON)) / 255);

export type LogitLaplace = {
  /** Location, in logit units. */
  readonly mean: tf.Tensor;
  /** ln b. */
  readonly logScale: tf.Tensor;
};

/**
 * Negative log-likelihood of pixels under the logit-Laplace density, averaged over pixels and channels, in nats:
 * with y = 0.8 x + 0.1, `ln 2 + ln b + ln y + ln(1 - y) + |logit(y) - mean| / b`.
 * Source: Ramesh et al. 2021 (DALL-E), arXiv:2102.12092, appendix A.3.
 * @param images targets x in [0, 1], [B, H, W, C]
 * @param prediction mean and ln b, each shaped as `images`
 */
export function logitLaplaceLoss(images: tf.Tensor, prediction: LogitLaplace): tf.Scalar {
  return tf.add(tf.mean(varyingTerms(images, prediction)), Math.LN2);
}

/** `logitLaplaceLoss` of each image, [B]. */
export function logitLaplaceLosses(images: tf.Tensor, prediction: LogitLaplace): tf.Tensor1D {
  return tf.add(tf.mean(varyingTerms(images, prediction), [1, 2, 3]), Math.LN2) as tf.Tensor1D;
}

/** The negative log-likelihood of every value, less ln 2. */
function varyingTerms(images: tf.Tensor, { mean, logScale }: LogitLaplace): tf.Tensor {
  const y = intoOpenInterval(images);
  const logY = tf.log(y);
  const logRest = tf.log(tf.sub(1, y));
  const distance = tf.mul(tf.abs(tf.sub(tf.sub(logY, logRest), mean)), tf.exp(tf.neg(logScale)));
  return tf.addN([logScale, logY, logRest, distance]);
}

/** The image a logit-Laplace mean stands for: `(sigmoid(mean) - eps) / (1 - 2 eps)`, not clipped. */
export function logitLaplaceImage(mean: tf.Tensor): tf.Tensor {
  const range = 1 - 2 * LOGIT_LAPLACE_EPSILON;
  return tf.div(tf.sub(tf.sigmoid(mean), LOGIT_LAPLACE_EPSILON), range);
}

/** A decoder's raw scale output as ln b, smoothly kept above `MIN_LOG_SCALE`: `min + softplus(raw - min)`. */
export function flooredLogScale(raw: tf.Tensor): tf.Tensor {
  return tf.add(tf.softplus(tf.sub(raw, MIN_LOG_SCALE)), MIN_LOG_SCALE);
}

function intoOpenInterval(images: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(images, 1 - 2 * LOGIT_LAPLACE_EPSILON), LOGIT_LAPLACE_EPSILON);
}
