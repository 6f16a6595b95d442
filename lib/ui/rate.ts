/** How fast something goes, from the last half minute, and how long the rest will take. */

export type RateMeter = {
  /** Tells how much is done by now. */
  update(done: number): void;
  /** Units a second; NaN as long as nothing was measured. */
  perSecond(): number;
  /** Seconds until `total` is done; NaN as long as nothing was measured. */
  remaining(total: number): number;
};

export type RateMeterOptions = {
  /** What is done at the start, not counted as work: a resumed run begins in the middle. */
  readonly start?: number;
  /** The time in seconds. */
  readonly now: () => number;
};

/** A meter that starts now. */
export function createRateMeter({ start = 0, now }: RateMeterOptions): RateMeter {
  const samples = [{ at: now(), done: start }]; // spaced, oldest first, about WINDOW seconds of them
  let latest = samples[0]!;
  const perSecond = () => {
    const first = samples[0]!;
    const elapsed = latest.at - first.at;
    return elapsed > 0 ? (latest.done - first.done) / elapsed : Number.NaN;
  };
  return {
    update(done) {
      latest = { at: now(), done };
      if (latest.at - samples.at(-1)!.at >= SPACING) samples.push(latest);
      while (samples.length > 2 && latest.at - samples[1]!.at >= WINDOW) samples.shift();
    },
    perSecond,
    remaining(total) {
      const rate = perSecond();
      if (latest.done >= total) return 0;
      return rate > 0 ? (total - latest.done) / rate : Number.NaN;
    },
  };
}

const WINDOW = 30; // seconds: long enough to be calm, short enough to follow a change
const SPACING = 0.25; // seconds between samples kept
