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
  /** Makes the state before the first step, if it is not there yet; where `restore` is called that is not wanted. */
  start(): Promise<void>;
  /**
   * One update, number `step` from 0.
   * @param room steps, this one included, that may be done at once; 1 if absent. Until a report says that none is `ahead`,
   *   only `step` may be called
   */
  step(step: number, room?: number): Promise<StepReport>;
  /** Numbers about the steps since the last call that are not means of their own (usage of codes). */
  takeIntervalMetrics(): Record<string, number>;
  /** The weights to use, by name; as `save` gives them, but alone. */
  weights(): Promise<NamedHostTensors>;
  /** The state itself, not a copy, where it is in host memory: the next step changes it. */
  save(): Promise<Saved>;
  /**
   * Goes on from what `save` gave. Takes the tensors over, each of which has memory of its own: whoever
   * wants to keep them, or goes on with the trainer that they are of, gives a copy.
   * @throws FileError when the state belongs to another model
   */
  restore(saved: Saved): Promise<void>;
  close(): Promise<void>;
}

/** Reports of steps that were done at once, handed out one by one. */
export class ReportQueue {
  private reports: readonly StepReport[] = [];

  /** @param launch does one step or more when none is left */
  async next(launch: () => Promise<readonly StepReport[]>): Promise<StepReport> {
    if (this.reports.length === 0) this.reports = await launch();
    const [first, ...rest] = this.reports;
    this.reports = rest;
    return { ...first!, ahead: rest.length };
  }
}
