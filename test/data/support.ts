/** What tests of data share: sources in memory, known colours, views and how batches are taken. */
import type { Augment } from "../../lib/data/augment.js";
import type { Batch, TrainingBatches } from "../../lib/data/batches.js";
import type { ImageSource, Pixels } from "../../lib/data/source.js";

/** Images of one colour each: image `i` is size x size of `[i, i, i]`, its label `i % 3`, its name `image i`. */
export function plainSource(count: number, size = 2): ImageSource {
  const image = (i: number): Pixels => ({
    pixels: new Uint8Array(3 * size * size).fill(i),
    width: size,
    height: size,
    channels: 3,
  });
  return {
    path: "memory",
    kind: "classes",
    count,
    classNames: ["a", "b", "c"],
    ignored: { files: 0, pictures: 0, folders: [] },
    label: (i) => i % 3,
    name: (i) => `image ${i}`,
    input: image,
  };
}

/** The same source, with the places of the images asked for, in the order they were. */
export function watched(source: ImageSource): { source: ImageSource; reads: number[] } {
  const reads: number[] = [];
  const input = (i: number) => {
    reads.push(i);
    return source.input(i);
  };
  return { source: { ...source, input }, reads };
}

export const view = { size: 24, channels: 3 } as const;

/** Random crops and mirror images, which enlarge by different factors. */
export const augment: Augment = { resize: "cover", crop: "random", cropScale: [9 / 8, 12 / 8], flip: true };

/** The next `n` batches, the last ones that are taken. */
export async function take(batches: TrainingBatches, n: number): Promise<Batch[]> {
  const taken: Batch[] = [];
  while (taken.length < n) taken.push(await batches.next());
  await batches.close();
  return taken;
}
