/** Promises that are waited for in turn. */

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
