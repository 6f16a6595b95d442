/** How many parts of a batch are computed side by side where nobody says. */
import type { Engine } from "../engine/types.js";

export type LaneOptions = {
  readonly batchSize: number;
  /** Parts one after the other, each of which is divided among the lanes; 1 if absent. */
  readonly accumulate?: number;
  /** Numbers that the step reads and gives gradients of. */
  readonly parameters: number;
  /** Fewest images that a lane may get for the step to mean the same; 1 if absent. */
  readonly leastImages?: number;
};

/** Sums of gradients are made by one thread, so that more lanes would wait for it. */
const MOST = 4;

/**
 * Numbers of a model that gains by lanes. One of a million does by a tenth on two cores, one of five by nothing there: its
 * operations are long enough to keep all threads busy (bench/README.md, "Lanes").
 */
const SMALL_MODEL = 5e6;

/**
 * Lanes for a training of a small model: the largest number up to four that divides images and threads; 1 for larger models,
 * and on engines that have none.
 */
export function chooseLanes({ laneThreads: threads = 1 }: Pick<Engine, "laneThreads">, options: LaneOptions): number {
  const { batchSize, accumulate = 1, parameters, leastImages = 1 } = options;
  if (parameters > SMALL_MODEL) return 1;
  const images = batchSize / accumulate;
  const fits = (lanes: number) => images % lanes === 0 && threads % lanes === 0 && images / lanes >= leastImages;
  for (let lanes = MOST; lanes > 1; lanes--) if (fits(lanes)) return lanes;
  return 1;
}
