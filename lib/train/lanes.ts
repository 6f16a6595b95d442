/** How many parts of a batch are computed side by side where nobody says. */
import { thisMachine } from "../engine/machine.js";
import type { Engine } from "../engine/types.js";

export type LaneOptions = {
  readonly batchSize: number;
  /** Parts one after the other, each of which is divided among the lanes; 1 if absent. */
  readonly accumulate?: number;
  /** Numbers that the step reads and gives gradients of. */
  readonly parameters: number;
  /** Fewest images that a lane may get for the step to mean the same; 1 if absent. */
  readonly leastImages?: number;
  /** Bytes of the machine; this one's if absent. */
  readonly memory?: number;
};

/** Sums of gradients are made by one thread, so that more lanes would wait for it. */
const MOST = 4;

/** What a lane takes for a parameter: a copy, and the gradient. */
const BYTES_EACH = 8;

/** Of the machine's memory, for what lanes take. */
const SHARE = 1 / 8;

/**
 * Lanes for a training: the largest number up to four that divides images and threads, for whose copies of all parameters
 * an eighth of the memory has room; 1 on engines that have none.
 */
export function chooseLanes({ laneThreads: threads = 1 }: Pick<Engine, "laneThreads">, options: LaneOptions): number {
  const { batchSize, accumulate = 1, parameters, leastImages = 1, memory = thisMachine().memory } = options;
  const images = batchSize / accumulate;
  const fits = (lanes: number) =>
    images % lanes === 0 &&
    threads % lanes === 0 &&
    images / lanes >= leastImages &&
    lanes * BYTES_EACH * parameters <= SHARE * memory;
  for (let lanes = MOST; lanes > 1; lanes--) if (fits(lanes)) return lanes;
  return 1;
}
