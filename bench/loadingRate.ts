/** How fast images are loaded, with nothing else to do. */
import { type LoaderOptions, openLoader } from "../lib/data/loader.js";
import { median } from "../lib/speed/statistics.js";

export type LoadingRate = {
  /** The median of the rounds. */
  readonly imagesPerSecond: number;
  /** Processor seconds of an image, all threads together: what training has to share its cores with. Again the median. */
  readonly processorSeconds: number;
};

export type LoadingRounds = {
  readonly rounds: number;
  /** Least length of a round; batches are taken whole. */
  readonly seconds: number;
  /** Images to take before the first round; when there are more than the source has, what is kept of images is kept by then. */
  readonly before: number;
};

/**
 * Takes batches as training does, decoded, resized, cropped, mirrored and made floats, and does nothing with them.
 * @throws as `openLoader` does
 */
export async function measureLoading(
  options: LoaderOptions,
  { rounds, seconds, before }: LoadingRounds,
): Promise<LoadingRate> {
  const batches = openLoader(options);
  const { batchSize } = options;
  try {
    for (let taken = 0; taken < before; taken += batchSize) await batches.next();
    const measured: LoadingRate[] = [];
    while (measured.length < rounds) measured.push(await round(batches.next, { batchSize, seconds }));
    return {
      imagesPerSecond: median(measured.map(({ imagesPerSecond }) => imagesPerSecond)),
      processorSeconds: median(measured.map(({ processorSeconds }) => processorSeconds)),
    };
  } finally {
    await batches.close();
  }
}

async function round(
  next: () => Promise<unknown>,
  { batchSize, seconds }: { batchSize: number; seconds: number },
): Promise<LoadingRate> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  let images = 0;
  for (; performance.now() - began < 1000 * seconds; images += batchSize) await next();
  const { user, system } = process.cpuUsage(before);
  return {
    imagesPerSecond: (1000 * images) / (performance.now() - began),
    processorSeconds: (user + system) / 1e6 / images,
  };
}
