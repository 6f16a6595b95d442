/** The factor on losses that keeps gradients within the range of float16. */
import type { HostTensor } from "../engine/types.js";
import { FileError } from "../errors.js";

/** The step input that holds the scale, a number. */
export const LOSS_SCALE = "lossScale";

export type LossScaleState = {
  readonly scale: number;
  /** Updates in a row that were finite since the scale last changed. */
  readonly good: number;
};

/** Powers of two, which change no digit. At 1 gradients are as they are; at 2^24 float16 holds some of 2^-48. */
const [START, LEAST, MOST] = [2 ** 16, 1, 2 ** 24];
const GROW_AFTER = 2000; // updates

/**
 * As large as gradients bear: halved when one is not finite, doubled after 2,000 updates in a row that were.
 * Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2; start and pace as in PyTorch's GradScaler.
 */
export class LossScale {
  private state: LossScaleState = { scale: START, good: 0 };

  get scale(): number {
    return this.state.scale;
  }

  /** What a step whose plan takes the scale is given. */
  get input(): Readonly<Record<string, HostTensor>> {
    return { [LOSS_SCALE]: { dtype: "float32", shape: [], data: Float32Array.of(this.state.scale) } };
  }

  /** Counts an update that was finite. */
  succeeded(): void {
    const { scale, good } = this.state;
    if (good + 1 < GROW_AFTER) this.state = { scale, good: good + 1 };
    else this.state = { scale: Math.min(2 * scale, MOST), good: 0 };
  }

  /** Halves the scale after one that was not; returns whether there was anything to halve. */
  failed(): boolean {
    const { scale } = this.state;
    this.state = { scale: Math.max(scale / 2, LEAST), good: 0 };
    return scale > LEAST;
  }

  save(): LossScaleState {
    return this.state;
  }

  /**
   * @param saved what `save` gave; undefined, of a training without a scale, for the start
   * @throws FileError when it is neither
   */
  restore(saved: unknown): void {
    if (saved === undefined) this.state = { scale: START, good: 0 };
    else this.state = expectState(saved);
  }
}

function expectState(saved: unknown): LossScaleState {
  const { scale, good } = (saved ?? {}) as Partial<LossScaleState>;
  const isScale = typeof scale === "number" && scale >= LEAST && scale <= MOST && Number.isInteger(Math.log2(scale));
  const isCount = typeof good === "number" && Number.isInteger(good) && good >= 0 && good < GROW_AFTER;
  if (isScale && isCount) return { scale, good };
  throw new FileError(
    `checkpoint: want a loss scale of a power of two, ${LEAST} to ${MOST}, and a count below ${GROW_AFTER}, ` +
      `got ${JSON.stringify(saved)}; the checkpoint is damaged`,
  );
}
