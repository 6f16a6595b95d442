/** The one loop that times things. */

export type Runs = {
  /** Whether these timings are enough, asked after each run; in seconds, the newest last. */
  readonly enough: (seconds: readonly number[]) => boolean;
  /** Told of each run before `enough` is asked. */
  readonly onRun?: (seconds: readonly number[]) => void;
};

/** Seconds of runs one after the other, at least one of them. */
export async function timeRuns(run: () => Promise<unknown>, { enough, onRun }: Runs): Promise<number[]> {
  const all: number[] = [];
  do {
    all.push(await secondsOf(run));
    onRun?.(all);
  } while (!enough(all));
  return all;
}

/** Seconds that one run takes. */
export async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
}

/** Enough are `count` runs. */
export function exactly(count: number): Runs["enough"] {
  return (all) => all.length >= count;
}

/** Enough are runs that took so many seconds together, but not fewer than `least` of them; for one loop only. */
export function lasting(seconds: number, least: number): Runs["enough"] {
  let total = 0;
  return (all) => {
    total += all.at(-1) ?? 0;
    return total >= seconds && all.length >= least;
  };
}
