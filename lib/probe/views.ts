/** Several views (crops, flips) of an image, as rows that stand one after the other. */

/** Features [N, D] and class ids [N] of the same rows. */
export type LabelledRows = {
  readonly features: Float32Array;
  readonly labels: Int32Array;
  /** Rows an image has, one after the other; 1 unless given. */
  readonly views?: number | undefined;
};

/**
 * Label of each image, that of its first row.
 * @throws RangeError when the rows are no whole images
 */
export function imageLabels(labels: Int32Array, views = 1): Int32Array {
  const images = labels.length / views;
  if (!Number.isInteger(images)) throw new RangeError(`views: want ${views} rows an image, got ${labels.length} rows`);
  return Int32Array.from({ length: images }, (_, image) => labels[image * views]!);
}

/** All rows of the images with these numbers, in their order. */
export function imageRows({ features: all, labels: allLabels, views = 1 }: LabelledRows, images: Uint32Array) {
  const D = all.length / allLabels.length;
  const features = new Float32Array(images.length * views * D);
  const labels = new Int32Array(images.length * views);
  for (const [i, image] of images.entries()) {
    const [from, to] = [image * views, (image + 1) * views];
    features.set(all.subarray(from * D, to * D), i * views * D);
    labels.set(allLabels.subarray(from, to), i * views);
  }
  return { features, labels, views };
}
