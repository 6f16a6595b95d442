import { existsSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { passingFailure, patiently } from "../../lib/data/passingFailure.js";
import { fixture } from "../support.js";

const test = suite("data/passingFailure");

const BUSY = new Error("EIO: i/o error");
const DAMAGED = new Error("damaged");
const GONE = new Error("given up");

/** Tries work that fails so often, of which so much may pass, and counts the tries. */
async function tryOften({ failures, passing, pauses }: { failures: number; passing: boolean[]; pauses?: number[] }) {
  let tries = 0;
  const given: Error[] = [];
  const outcome = await patiently(
    async () => {
      if (tries++ < failures) throw DAMAGED;
      return "done";
    },
    (failure) => {
      given.push(failure);
      return GONE;
    },
    { passing: async () => (passing[tries - 1] ? BUSY : undefined), pauses: pauses ?? [0, 0.001, 0.002] },
  ).catch((error: unknown) => error);
  return { outcome, tries, given };
}

test("what fails is tried once more, since what made it fail may have passed", async () => {
  assert.equal(await tryOften({ failures: 1, passing: [false] }), { outcome: "done", tries: 2, given: [] });
});

test("what fails again with nothing that may pass is not tried further", async () => {
  assert.equal(await tryOften({ failures: 9, passing: [] }), { outcome: DAMAGED, tries: 2, given: [] });
  assert.equal(await tryOften({ failures: 9, passing: [true, false] }), { outcome: DAMAGED, tries: 2, given: [] });
});

test("while something may pass there are further tries, and then an end", async () => {
  const passing = [true, true, true, true];
  assert.equal(await tryOften({ failures: 3, passing }), { outcome: "done", tries: 4, given: [] });
  assert.equal(await tryOften({ failures: 4, passing }), { outcome: GONE, tries: 4, given: [BUSY] });
});

test("a file that can be read, or is not there, has no failure that passes; one that the system cannot read has", async () => {
  assert.is(await passingFailure(fixture("emoji-mini", "OFL.txt")), undefined);
  assert.is(await passingFailure("no/such/file.png"), undefined);
  const unreadable = "/proc/self/mem"; // its first page is never mapped
  if (existsSync(unreadable)) assert.match((await passingFailure(unreadable))?.message ?? "", /EIO/);
});

test.run();
