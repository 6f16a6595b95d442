import { suite } from "uvu";
import * as assert from "uvu/assert";
import { untilDisposed } from "../../lib/engine/untilDisposed.js";

const test = suite("engine/untilDisposed");

test("what is disposed twice at once is released once, and both wait for it", async () => {
  const [events, gates]: [string[], (() => void)[]] = [[], []];
  const { dispose } = untilDisposed("step", () => {
    events.push("released");
    return new Promise((resolve) => gates.push(resolve));
  });
  const ends = [dispose(), dispose()].map((end, i) => end.then(() => events.push(`end ${i}`)));
  await Promise.resolve();
  assert.equal(events, ["released"]);
  gates[0]!();
  await Promise.all(ends);
  assert.equal(events, ["released", "end 0", "end 1"]);
});

test("it is alive until it is asked to end", () => {
  const { expectAlive, dispose } = untilDisposed("step", () => new Promise(() => undefined));
  expectAlive();
  void dispose();
  assert.throws(expectAlive, /^step: the program was disposed and cannot run$/);
});

test("a release that fails is told to everyone who waits for it, and not tried again", async () => {
  let releases = 0;
  const { dispose } = untilDisposed("step", async () => {
    releases++;
    throw new Error("device lost");
  });
  for (const _ of ["first", "second"]) assert.is(await dispose().catch((error: Error) => error.message), "device lost");
  assert.is(releases, 1);
});

test.run();
