/** Something made ready to be timed. */
import type { Engine } from "../engine/types.js";
import type { Plan } from "../train/plans.js";
import type { SamplingWork } from "./samplingBound.js";
import type { SpeedSize } from "./sizes.js";

/** What a run makes or takes in, in the plural. */
export type Unit = "images" | "codes" | "starts";

export type Prepared = {
  /** What is timed. */
  run(): Promise<unknown>;
  readonly items: number;
  readonly unit: Unit;
  /** Steps of a run, more than one where the engine does them in one call; 1 if absent. */
  readonly steps?: number;
  /** The graphs of a step, to count multiply-adds of; absent where they are not known. */
  readonly plans?: readonly Plan[];
  /** What a step of sampling cannot do without. */
  readonly work?: SamplingWork;
  /** Whether other processes do the work, so that time and memory of this one say nothing; no if absent. */
  readonly elsewhere?: boolean;
  close(): Promise<void>;
};

export type Means = {
  readonly size: SpeedSize;
  /** Opens the engine; called by what computes alone, so that the others do not load it. */
  readonly openEngine: () => Promise<Engine>;
  /** Lanes of a training; as many as suit the machine if absent. */
  readonly lanes?: number | undefined;
  /** Images to load; some are made if absent. */
  readonly data?: string | undefined;
  /** The program whose start is timed. */
  readonly binary: string;
};

/** Decides weights, images and codes. */
export const SEED = 1;
