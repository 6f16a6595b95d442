import { sequentialBatches } from "../data/batches.js";
import type { ImageSource } from "../data/source.js";
import { centredView, type View } from "../data/view.js";
import type { LabelledRows } from "./views.js";

export type ImageFeatureOptions = {
  readonly source: ImageSource;
  /** Side of the square that images are brought to, in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  readonly resize: View["resize"];
  /** Most images to take, from the first; damaged ones are left out and not counted. */
  readonly limit: number;
  /** Features [n, D] of images [n, H, W, C] in [0, 1]; their pixels unless given. */
  readonly featuresOf?: (images: Float32Array, count: number) => Promise<Float32Array>;
  readonly onProgress?: (images: number) => void;
};

const BATCH = 64; // decoded together

/** One row of features of each image, [N, D] in all, labels -1 where unknown. */
export async function imageFeatures(options: ImageFeatureOptions): Promise<LabelledRows> {
  const { source, size, channels, resize, limit, featuresOf = (images) => images, onProgress } = options;
  const view = { size, channels };
  const most = Math.min(limit, source.count);
  const place = () => centredView(view, resize);
  let features = new Float32Array(0);
  const labels = new Int32Array(most);
  let count = 0;
  for await (const batch of sequentialBatches({ source, view, place, batchSize: BATCH, limit: most })) {
    const some = await featuresOf(batch.images, batch.labels.length);
    const width = some.length / batch.labels.length;
    if (count === 0) features = new Float32Array(most * width);
    features.set(some, count * width);
    labels.set(batch.labels, count);
    count += batch.labels.length;
    onProgress?.(count);
  }
  return { features: features.subarray(0, (features.length / most) * count), labels: labels.subarray(0, count) };
}
