import * as tf from "@tensorflow/tfjs";

/**
 * Cuts images into non-overlapping patches in raster order, one row of pixels each.
 * @param images [B, H, W, C]
 * @param size patch side P, dividing H and W
 * @returns [B, (H/P)(W/P), P*P*C], elements of a patch in (row, column, channel) order
 * @throws RangeError when P does not divide both sides
 */
export function patchify(images: tf.Tensor, size: number): tf.Tensor {
  const [B, H, W, C] = images.shape as [number, number, number, number];
  const [rows, columns] = [H / size, W / size];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    throw new RangeError(`patchify: sides must be multiples of the patch side ${size}, got ${H} x ${W}`);
  const grid = tf.reshape(images, [B, rows, size, columns, size * C]);
  return tf.reshape(tf.transpose(grid, [0, 1, 3, 2, 4]), [B, rows * columns, size * size * C]);
}

/**
 * Inverse of `patchify`.
 * @param patches [B, rows * columns, P*P*C]
 * @param grid number of patches [rows, columns]
 * @returns [B, rows P, columns P, C]
 */
export function unpatchify(patches: tf.Tensor, size: number, [rows, columns]: readonly [number, number]): tf.Tensor {
  const [B, , width] = patches.shape as [number, number, number];
  const C = width / (size * size);
  const grid = tf.reshape(patches, [B, rows, columns, size, size * C]);
  return tf.reshape(tf.transpose(grid, [0, 1, 3, 2, 4]), [B, rows * size, columns * size, C]);
}
