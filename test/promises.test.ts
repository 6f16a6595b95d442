import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inOrder, MadeOnce } from "../lib/promises.js";
import { expectRejection } from "./support.js";

const test = suite("promises");

test("results come in the order of the calls, whichever is ready first, with so many under way", async () => {
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const calls = [0, 1, 2, 3].map((i) => () => {
    started.push(i);
    return new Promise<number>((resolve) => {
      ends[i] = () => resolve(i);
    });
  });
  const given: number[] = [];
  const walk = (async () => {
    for await (const one of inOrder(calls, 2)) given.push(one);
  })();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  assert.equal([started, given], [[0, 1], []]);
  ends[1]!();
  await settle();
  assert.equal([started, given], [[0, 1], []], "the first is waited for");
  ends[0]!();
  await settle();
  assert.equal(
    [started, given],
    [
      [0, 1, 2, 3],
      [0, 1],
    ],
  );
  ends[3]!();
  ends[2]!();
  await walk;
  assert.equal(given, [0, 1, 2, 3]);
});

test("what fails is reported in its turn, and others that fail are no unhandled rejections", async () => {
  const fail = (message: string) => () => Promise.reject(new Error(message));
  const given: string[] = [];
  const walk = async () => {
    for await (const one of inOrder([async () => "first", fail("second"), fail("third")], 3)) given.push(one);
  };
  await expectRejection(walk(), Error, /^second$/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(given, ["first"]);
});

test("nothing to call is nothing given", async () => {
  for await (const one of inOrder<number>([], 3)) assert.unreachable(`${one}`);
});

test("what is asked for by one key is made once, also while it is being made", async () => {
  const made = new MadeOnce<object>();
  const make = async () => ({});
  const [first, second] = await Promise.all([made.of("a", make), made.of("a", make)]);
  assert.is(first, second);
  assert.is(await made.of("a", make), first);
  assert.is.not(await made.of("b", make), first);
});

test("what could not be made is tried again, and left out of what is taken out at the end", async () => {
  const made = new MadeOnce<number>();
  const fail = () => Promise.reject(new Error("out of memory"));
  for (const _ of ["first", "second"])
    assert.is(await made.of("a", fail).catch((error: Error) => error.message), "out of memory");
  assert.is(await made.of("a", async () => 1), 1);
  const lost = made.of("b", fail).catch(() => "lost");
  const slow = made.of("c", async () => 2);
  assert.equal(await made.takeAll(), [1, 2]);
  assert.is(await lost, "lost");
  await slow;
  assert.equal(await made.takeAll(), []);
});

test.run();
