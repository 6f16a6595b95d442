import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ownSeconds, watchOthers } from "../../lib/speed/otherLoad.js";

const test = suite("speed/otherLoad");

/** Keeps this process busy for so many seconds of processor time, however long that takes. */
function compute(seconds: number): void {
  for (const end = ownSeconds() + seconds; ownSeconds() < end; ) Math.sqrt(Math.random());
}

test("what this process uses is counted as its own, and a share lies between 0 and 1", () => {
  const before = ownSeconds();
  const others = watchOthers();
  compute(0.3);
  const own = ownSeconds() - before;
  assert.ok(own >= 0.3 && own < 0.6, `${own} s`);
  const [all, rest] = [others(0), others(own)];
  assert.ok(all > 0 && all <= 1, `${all}`);
  assert.ok(rest >= 0 && rest < all, `${rest} of ${all}`);
  assert.is(others(1e9), 0);
});

test("another process shows", async () => {
  const script = "for (const end = Date.now() + 1500; Date.now() < end; );";
  const [before, others] = [ownSeconds(), watchOthers()];
  await new Promise((resolve) => spawn(process.execPath, ["-e", script]).once("close", resolve));
  const share = others(ownSeconds() - before);
  // One core's worth for most of the time, or less where other programs were there, too, and took of it.
  assert.ok(share > 0.4 / availableParallelism(), `${share}`);
});

test.run();
