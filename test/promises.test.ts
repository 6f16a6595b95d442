import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inOrder } from "../lib/promises.js";

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
  const error = await walk().catch((reason: Error) => reason);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal([given, (error as Error).message], [["first"], "second"]);
});

test("nothing to call is nothing given", async () => {
  for await (const one of inOrder<number>([], 3)) assert.unreachable(`${one}`);
});

test.run();
