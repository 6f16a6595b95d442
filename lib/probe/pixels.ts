import { sequentialBatches } from "../data/batches.js";
import type { ImageSource } from "../data/source.js";
import { centredView, type View } from "../data/view.js";
import type { LabelledRows } from "./linearProbe.js";

export type PixelOptions = {
  readonly source: ImageSource;
  /** Side of the square that images are brought to, in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  readonly resize: View["resize"];
  /** Most images to take, from the first; damaged ones are left out and not counted. */
  readonly limit: number;
  readonly onProgress?: (images: number) => void;
};

const BATCH = 64; // decoded together

/** Pixels in [0, 1] of each image as one row of features, [N, size * size * channels], labels -1 where unknown. */
export async function pixelFeatures(options: PixelOptions): Promise<LabelledRows> {
  const { source, size, channels, resize, limit, onProgress } = options;
  const view = { size, channels };
  const width = size * size * channels;
  const most = Math.min(limit, source.count);
  const features = new Float32Array(most * width);
  const labels = new Int32Array(most);
  let count = 0;
  const place = () => centredView(view, resize);
  for await (const batch of sequentialBatches({ source, view, place, batchSize: BATCH, limit: most })) {
    features.set(batch.images, count * width);
    labels.set(batch.labels, count);
    count += batch.labels.length;
    onProgress?.(count);
  }
  return { features: features.subarray(0, count * width), labels: labels.subarray(0, count) };
}
