/** The two sides of the GAN game, on discriminator logits; means over the batch. */
import * as tf from "@tensorflow/tfjs";

/** `logistic` is the non-saturating loss of Goodfellow et al. 2014, the form StyleGAN2 uses. */
export type AdversarialForm = "logistic" | "hinge" | "leastSquares";

/**
 * What the autoencoder minimises, given D of its reconstructions [B].
 * logistic: `softplus(-D)`; hinge: `-D`; leastSquares: `D^2`, as the public ports have it (target 0, not the mirror of
 * the discriminator's).
 */
export function generatorLoss(form: AdversarialForm, fake: tf.Tensor): tf.Scalar {
  switch (form) {
    case "logistic":
      return tf.mean(tf.softplus(tf.neg(fake)));
    case "hinge":
      return tf.neg(tf.mean(fake));
    case "leastSquares":
      return tf.mean(tf.square(fake));
  }
}

/**
 * What the discriminator minimises, given its logits [B] of real and reconstructed images: half the sum of
 * logistic: `softplus(-D(real))`, `softplus(D(fake))`; hinge: `relu(1 - D(real))`, `relu(1 + D(fake))`;
 * leastSquares: `(1 - D(real))^2`, `(1 + D(fake))^2`.
 */
export function discriminatorLoss(
  form: AdversarialForm,
  { real, fake }: { real: tf.Tensor; fake: tf.Tensor },
): tf.Scalar {
  const penalty = PENALTIES[form];
  return tf.mul(tf.add(tf.mean(penalty(tf.neg(real))), tf.mean(penalty(fake))), 0.5);
}

/** How much a logit that leans to the wrong side by `x` costs. */
const PENALTIES: Record<AdversarialForm, (x: tf.Tensor) => tf.Tensor> = {
  logistic: (x) => tf.softplus(x),
  hinge: (x) => tf.relu(tf.add(x, 1)),
  leastSquares: (x) => tf.square(tf.add(x, 1)),
};
