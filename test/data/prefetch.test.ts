import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prefetch } from "../../lib/data/prefetch.js";
import { expectRejection } from "../support.js";

const test = suite("prefetching");

const same = <T>(item: T): T => item;

test("items come in order, however long each takes to make", async () => {
  const make = async (step: number): Promise<number> => {
    await sleep(step % 2 === 0 ? 8 : 1);
    return step;
  };
  const items = prefetch({ make, finish: same, start: 5, ahead: 3 });
  assert.equal([await items.next(), await items.next(), await items.next(), await items.next()], [5, 6, 7, 8]);
  await items.close();
});

test("exactly `ahead` items are under way beyond the one taken, from the start", async () => {
  let started = 0;
  const items = prefetch({ make: async () => ++started, finish: same, start: 0, ahead: 4 });
  assert.is(started, 4);
  await sleep(5);
  assert.is(started, 4);
  for (const taken of [1, 2, 3]) {
    await items.next();
    assert.is(started, 4 + taken);
  }
  await items.close();
  assert.is(started, 7);
});

test("only the item taken is finished", async () => {
  const finished: number[] = [];
  const finish = (item: number): string => {
    finished.push(item);
    return `item ${item}`;
  };
  const items = prefetch({ make: async (step) => step, finish, start: 0, ahead: 3 });
  assert.is(await items.next(), "item 0");
  await sleep(2);
  assert.equal(finished, [0]);
  await items.close();
});

test("a failure is reported at its turn and not before", async () => {
  const make = async (step: number): Promise<number> => {
    if (step === 2) throw new Error("item 2 is bad");
    return step;
  };
  const items = prefetch({ make, finish: same, start: 0, ahead: 4 });
  await sleep(5); // an unhandled rejection would end the process here
  assert.equal([await items.next(), await items.next()], [0, 1]);
  await expectRejection(items.next(), Error, /^item 2 is bad$/);
  assert.is(await items.next(), 3);
  await items.close();
});

test("waiting is counted, and what is ready costs next to nothing", async () => {
  const items = prefetch({ make: () => sleep(40, "x"), finish: same, start: 0, ahead: 2 });
  await items.next();
  const first = items.waited;
  assert.ok(first > 0.03 && first < 0.2, `waited ${first} s`);
  await sleep(80);
  await items.next();
  assert.ok(items.waited - first < 0.02, `waited ${items.waited - first} s more`);
  await items.close();
});

test("making in several parts goes on, even if the caller never lets the event loop turn", async () => {
  const secondPart: number[] = [];
  const make = async (step: number): Promise<number> => {
    await stat(".");
    secondPart.push(step);
    await stat(".");
    return step;
  };
  const items = prefetch({ make, finish: same, start: 0, ahead: 3 });
  await sleep(20);
  for (const step of [0, 1, 2]) {
    assert.is(await items.next(), step);
    const since = performance.now();
    while (performance.now() - since < 20); // as an engine does that blocks
  }
  assert.ok(secondPart.includes(3), `second parts of ${secondPart}`); // 3 was started when 0 was taken
  await items.close();
});

test("closing waits for what is under way, and nothing can be taken afterwards", async () => {
  let done = 0;
  const make = async (): Promise<void> => {
    await sleep(10);
    done++;
  };
  const items = prefetch({ make, finish: same, start: 0, ahead: 3 });
  await items.close();
  assert.is(done, 3);
  await expectRejection(items.next(), Error, /after close/);
});

test("nothing ahead is refused", () => {
  assert.throws(() => prefetch({ make: async () => 1, finish: same, start: 0, ahead: 0 }), RangeError);
});

test.run();
