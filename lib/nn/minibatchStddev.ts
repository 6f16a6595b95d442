import * as tf from "@tensorflow/tfjs";

/** Images that are compared with each other, where there are as many. Source: Karras et al. 2020, StyleGAN2. */
export const STDDEV_GROUP = 4;
const EPSILON = 1e-8;

/**
 * Appends one channel that tells how much the images of a group differ: the standard deviation over the group of every
 * feature, averaged over features and pixels. Image j is grouped with j + B/g, j + 2 B/g, ...
 *
 * Groups have four images, or all if there are fewer; where four does not divide the batch, as many as
 * `standardGroup` says, and where that does not either, the largest number up to four that does, so that any batch
 * can be used.
 * Source: Karras et al. 2017, arXiv:1710.10196, section 3; groups as in StyleGAN2.
 * @param x [B, H, W, C]
 * @returns [B, H, W, C + 1]
 */
export function minibatchStddev(x: tf.Tensor): tf.Tensor {
  const [B, H, W, C] = x.shape as [number, number, number, number];
  const group = groupSize(B);
  const groups = B / group;
  const members = tf.reshape(x, [group, groups, H * W * C]);
  const variance = tf.mean(tf.square(tf.sub(members, tf.mean(members, 0, true))), 0); // [groups, H W C]
  const deviation = tf.mean(tf.sqrt(tf.add(variance, EPSILON)), 1); // [groups]
  const everywhere = tf.mul(tf.reshape(deviation, [1, groups, 1]), tf.ones([group, groups, H * W]));
  return tf.concat([x, tf.reshape(everywhere, [B, H, W, 1])], 3);
}

/** Images compared with each other in a batch of B; divides B. */
export function groupSize(B: number): number {
  const standard = standardGroup(B);
  if (B % standard === 0) return standard;
  for (let size = STDDEV_GROUP; size > 1; size--) if (B % size === 0) return size;
  return 1;
}

/** The public ports' rule, which does not always divide B: 5, 6 and 7 images are one group. */
function standardGroup(B: number): number {
  return Math.floor(B / Math.floor(B / Math.min(B, STDDEV_GROUP)));
}
