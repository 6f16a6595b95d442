import { setImmediate as turn } from "node:timers/promises";
import { quiet } from "../promises.js";

/** Makes numbered items ahead of their use. */
export type Prefetcher<T> = {
  /** The next item in order; rejects with what making it threw, or with an Error after `close`. */
  next(): Promise<T>;
  /** Seconds that callers of `next` have waited in all. */
  readonly waited: number;
  /** Makes no more items, and settles when those under way have. */
  close(): Promise<void>;
};

export type PrefetchOptions<Made, Taken> = {
  /** Starts making item `step`. */
  readonly make: (step: number) => Promise<Made>;
  /** Last touch, given only to the item being taken; the place for what makes an item large. */
  readonly finish: (made: Made) => Taken;
  readonly start: number;
  /** Items under way beyond the one last taken. */
  readonly ahead: number;
};

/**
 * Makes items `start, start + 1, ...`, the first `ahead` of them at once and one more for each one taken.
 *
 * All of `ahead` are started early, however few threads there are: an engine may block the event loop for a whole
 * step, and then only what was handed to other threads before goes on.
 * @throws RangeError when `ahead` is not a whole number of 1 or more
 */
export function prefetch<Made, Taken>(options: PrefetchOptions<Made, Taken>): Prefetcher<Taken> {
  const { make, finish, ahead } = options;
  checkAhead(ahead);
  const underWay: Promise<Made>[] = [];
  let step = options.start;
  let waited = 0;
  let closed = false;
  const fill = (): void => {
    while (underWay.length < ahead) underWay.push(quiet(make(step++)));
  };
  const take = async (): Promise<Taken> => {
    const head = underWay.shift();
    if (closed || !head) throw new Error("prefetch: next() was called after close()");
    fill();
    // One turn of the event loop, even if the item is ready: what other threads have done is noted, and the next part
    // of it starts (a small image is decoded, then enlarged), although the caller may never let the loop turn.
    await turn();
    return finish(await head);
  };
  fill();
  return {
    async next() {
      const since = performance.now();
      try {
        return await take();
      } finally {
        waited += (performance.now() - since) / 1000;
      }
    },
    get waited() {
      return waited;
    },
    async close() {
      closed = true;
      await Promise.allSettled(underWay.splice(0));
    },
  };
}

/** @throws RangeError when it is not a whole number of 1 or more */
export function checkAhead(ahead: number): void {
  if (!Number.isInteger(ahead) || ahead < 1) throw new RangeError(`prefetch: want 1 or more items ahead, got ${ahead}`);
}
