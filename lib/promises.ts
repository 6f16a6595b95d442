/** Promises that are waited for in turn, and what is made once. */

/** The promise itself, marked as handled: a failure is reported when its turn comes, not as an unhandled rejection. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** What calls give, in the order of the calls, with up to `atOnce` of them under way. */
export async function* inOrder<T>(calls: readonly (() => Promise<T>)[], atOnce: number): AsyncGenerator<T> {
  const underWay: Promise<T>[] = [];
  const waiting = calls.values();
  const start = (): void => {
    const { done, value: call } = waiting.next();
    if (!done) underWay.push(quiet(call()));
  };
  for (let i = 0; i < atOnce; i++) start();
  for (let first = underWay.shift(); first; first = underWay.shift()) {
    const given = await first;
    start();
    yield given;
  }
}

/** What takes time to make, by a key: made when it is first asked for, and again where that failed. */
export class MadeOnce<Made> {
  readonly #made = new Map<string, Promise<Made>>();

  of(key: string, make: () => Promise<Made>): Promise<Made> {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    return made;
  }

  /** Takes out all that was made, when what is under way is ready too. */
  async takeAll(): Promise<Made[]> {
    const all = await Promise.allSettled(this.#made.values());
    this.#made.clear();
    return all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }
}
