/** Losses of the two players of a GAN, from the discriminator's logits, [B] (or any shape). */
import * as tf from "@tensorflow/tfjs";

/**
 * - `logistic`: non-saturating; D `(softplus(-D(x)) + softplus(D(x^))) / 2`, G `softplus(-D(x^))`
 *   (Goodfellow et al. 2014, arXiv:1406.2661).
 * - `hinge`: D `(relu(1 - D(x)) + relu(1 + D(x^))) / 2`, G `-D(x^)` (Lim & Ye 2017, arXiv:1705.02894).
 * - `leastSquares`: D `((1 - D(x))^2 + (1 + D(x^))^2) / 2`, G `D(x^)^2` (Mao et al. 2016, arXiv:1611.04076, with
 *   a = -1, b = 1, c = 0).
 *
 * All are means over the batch. The discriminator's are halved as in the public ports of ViT-VQGAN.
 */
export type AdversarialForm = "logistic" | "hinge" | "leastSquares";

/** What the discriminator minimises. */
export function discriminatorLoss(
  form: AdversarialForm,
  { real, fake }: { readonly real: tf.Tensor; readonly fake: tf.Tensor },
): tf.Scalar {
  const [onReal, onFake] = SIDES[form].discriminator;
  return tf.mul(tf.add(tf.mean(onReal(real)), tf.mean(onFake(fake))), 0.5);
}

/** What the generator (here: the autoencoder) minimises. */
export function generatorLoss(form: AdversarialForm, fake: tf.Tensor): tf.Scalar {
  return tf.mean(SIDES[form].generator(fake));
}

type PerImage = (logits: tf.Tensor) => tf.Tensor;
type Sides = { readonly discriminator: readonly [real: PerImage, fake: PerImage]; readonly generator: PerImage };

const SIDES: Readonly<Record<AdversarialForm, Sides>> = {
  logistic: {
    discriminator: [(real) => tf.softplus(tf.neg(real)), tf.softplus],
    generator: (fake) => tf.softplus(tf.neg(fake)),
  },
  hinge: {
    discriminator: [(real) => tf.relu(tf.sub(1, real)), (fake) => tf.relu(tf.add(1, fake))],
    generator: tf.neg,
  },
  leastSquares: {
    discriminator: [(real) => tf.square(tf.sub(1, real)), (fake) => tf.square(tf.add(1, fake))],
    generator: tf.square,
  },
};
