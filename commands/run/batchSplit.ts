/** In what parts a training computes its batches, and how many it has under way. */
import { DEFAULT_PREFETCH } from "../../lib/data/batches.js";
import type { Engine } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import type { BatchSplit } from "../../lib/train/batchParts.js";
import { chooseLanes } from "../../lib/train/lanes.js";
import { stepsInCall } from "../../lib/train/networks.js";

/** The options that say so. */
export type SplitConfig = { readonly batchSize: number; readonly accumulate: number; readonly lanes?: number };

/**
 * How a batch is divided: as asked for, or in as many lanes as suit the machine. Kept in a run's config, because the last
 * bits of losses and gradients depend on it.
 * @param parameters numbers that a step reads and gives gradients of
 * @param leastImages fewest images that a lane may get unless it is asked for; 1 if absent
 * @throws UsageError when the batch does not divide so
 */
export function splitOf(
  { batchSize, accumulate, lanes }: SplitConfig,
  engine: Pick<Engine, "laneThreads">,
  { parameters, leastImages = 1 }: { readonly parameters: number; readonly leastImages?: number },
): Required<BatchSplit> {
  if (batchSize % accumulate !== 0)
    throw new UsageError(`--accumulate: want a divisor of the batch size ${batchSize}, got ${accumulate}`);
  const images = batchSize / accumulate;
  if (lanes !== undefined && images % lanes !== 0) {
    const part =
      accumulate === 1 ? `the batch size ${batchSize}` : `the ${images} images that --accumulate leaves a part`;
    throw new UsageError(`--lanes: want a divisor of ${part}, got ${lanes}`);
  }
  const choose = () => chooseLanes(engine, { batchSize, accumulate, parameters, leastImages });
  return { batchSize, accumulate, lanes: lanes ?? choose() };
}

/** Batches of images to have under way: as many as the engine takes in a call. */
export function imageBatchesAhead(
  engine: Engine,
  {
    batchSize,
    imageSize,
    channels,
  }: { readonly batchSize: number; readonly imageSize: number; readonly channels: number },
): number {
  return Math.max(DEFAULT_PREFETCH, stepsInCall(engine, 4 * batchSize * imageSize ** 2 * channels));
}
