/** The weights with the lowest validation loss so far, kept beside the run's newest. */
import type { NamedHostTensors } from "../engine/types.js";
import type { JsonMetadata } from "../files/checkpoints.js";
import type { Run } from "../files/runDirectory.js";

/** The best score so far, and how things have gone since; small enough for the metadata of a checkpoint. */
export type BestScore = {
  readonly step: number;
  /** Nats per code. */
  readonly valNll: number;
  /** Scores since that were not lower. */
  readonly since: number;
  /** What was scored, so that scores of other data are not compared with it. */
  readonly on: string;
};

export class BestWeights {
  private score: BestScore | undefined;

  /**
   * @param on what is scored, in words
   * @param stopAfter scores without a lower one after which training is over; 0 for never
   */
  constructor(
    private readonly run: Run,
    private readonly on: string,
    private readonly stopAfter = 0,
  ) {}

  /** Undefined before the first finite score. */
  get best(): BestScore | undefined {
    return this.score;
  }

  /** Whether `stopAfter` scores in a row were not lower. */
  get isOver(): boolean {
    return this.stopAfter > 0 && (this.score?.since ?? 0) >= this.stopAfter;
  }

  /** For the metadata of a checkpoint; nothing before the first score. */
  get metadata(): JsonMetadata {
    return this.score ? { best: this.score } : {};
  }

  /**
   * Takes up the score of a checkpoint.
   * @returns a sentence when it is of other data than those that are scored now, and therefore forgotten
   */
  restore({ best }: JsonMetadata): string | undefined {
    const score = best as BestScore | undefined;
    if (score && score.on !== this.on)
      return `the best score so far was on ${score.on}; scores are compared anew, on ${this.on}`;
    this.score = score;
    return undefined;
  }

  /** Notes a score, and writes the weights as `best.safetensors` if it is lower than all before. */
  async offer({ step, valNll, weights }: { step: number; valNll: number; weights: NamedHostTensors }): Promise<void> {
    const { score } = this;
    if (valNll < (score?.valNll ?? Number.POSITIVE_INFINITY)) {
      this.score = { step, valNll, since: 0, on: this.on };
      await this.run.writeBest(weights, { step, valNll });
    } else if (score) this.score = { ...score, since: score.since + 1 };
  }
}
