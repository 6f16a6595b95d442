/** What the run of a training needs of whatever is trained. */
import type { NamedHostTensors } from "../engine/types.js";
import type { StepReport } from "./loop.js";

export type Saved = {
  /** The weights to use, by name. */
  readonly model: NamedHostTensors;
  /** Everything else needed to continue bit by bit. */
  readonly state: NamedHostTensors;
  readonly metadata: Readonly<Record<string, unknown>>;
};

export interface Trainer {
  /** One update, number `step` from 0. */
  step(step: number): Promise<StepReport>;
  /** Numbers about the steps since the last call that are not means of their own (usage of codes). */
  takeIntervalMetrics(): Record<string, number>;
  save(): Promise<Saved>;
  /** @throws FileError when the state belongs to another model */
  restore(saved: Saved): Promise<void>;
  close(): Promise<void>;
}
