import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../lib/errors.js";
import { type LockHolder, thisProcess } from "../../lib/files/lockHolder.js";
import { lockRun } from "../../lib/files/runLock.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { namesIn } from "./support.js";

const test = suite("files/runLock");

const lockIn = (folder: string) => path.join(folder, "lock");

/** Starts a process that takes the lock of a folder and then runs `next`. */
async function holding(folder: string, next: string) {
  const module = new URL("../../lib/files/runLock.js", import.meta.url).href;
  const code = `
    const { lockRun } = await import(${JSON.stringify(module)});
    const lock = await lockRun(${JSON.stringify(folder)});
    process.stdout.write("holding");
    setInterval(() => {}, 1000);
    ${next}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  await once(child.stdout, "data");
  return { pid: child.pid!, kill: (signal: NodeJS.Signals) => child.kill(signal), ended };
}

/** Leaves a lock as its holder might have. */
async function leave(folder: string, holder: Partial<LockHolder>): Promise<void> {
  await writeFile(lockIn(folder), `${JSON.stringify({ ...(await thisProcess()), token: "17", ...holder })}\n`);
}

/** Takes a lock and lets go of it; the notes say what it waited for. */
async function taken(folder: string, patience = 60_000): Promise<string[]> {
  const notes: string[] = [];
  const lock = await lockRun(folder, { patience, onWait: (note) => notes.push(note) });
  await lock.release();
  assert.equal(await namesIn(folder), []);
  return notes;
}

test("a lock is refused while its holder lives, and taken over at once when it was killed", () =>
  inTemporaryFolder(async (folder) => {
    const holder = await holding(folder, "");
    const named = new RegExp(`process ${holder.pid} on ${hostname()} works in it; wait until it ends`);
    await expectRejection(lockRun(folder), UsageError, named);
    holder.kill("SIGKILL");
    await holder.ended;
    assert.equal(await namesIn(folder), ["lock"]);
    assert.equal(await taken(folder), []);
  }));

test("the lock goes with its holder, unless that is killed", () =>
  inTemporaryFolder(async (folder) => {
    for (const next of ["process.exit(3)", "throw new Error('on purpose')", "await lock.release(); process.exit()"]) {
      await (
        await holding(folder, next.replace("throw", "process.on('uncaughtException', () => process.exit(1)); throw"))
      ).ended;
      assert.equal(await namesIn(folder), [], next);
    }
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const holder = await holding(folder, "");
      holder.kill(signal);
      assert.equal(await holder.ended, [null, signal]);
      assert.equal(await namesIn(folder), []);
    }
  }));

test("a later process of the same number does not hold the lock of the earlier one", () =>
  inTemporaryFolder(async (folder) => {
    await leave(folder, {});
    await expectRejection(lockRun(folder), UsageError, /works in it/);
    await leave(folder, { started: "1" });
    assert.equal(await taken(folder), []);
  }));

test("of several that start at the same moment one takes the lock, whether or not a dead one is there", () =>
  inTemporaryFolder(async (folder) => {
    for (let round = 0; round < 40; round++) {
      if (round % 2 === 1) await leave(folder, { started: "1", token: `${round}` });
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(folder)));
      const locks = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      assert.is(locks.length, 1, `round ${round}`);
      assert.equal(await namesIn(folder), ["lock"]);
      await locks[0]!.release();
      assert.equal(await namesIn(folder), []);
    }
  }));

test("one that finds a lock given up, but late, leaves it to the one that took it over meanwhile", () =>
  inTemporaryFolder(async (folder) => {
    await leave(folder, { realm: "another container" });
    const late = lockRun(folder, { patience: 60_000 });
    const first = await lockRun(folder, { patience: 500 });
    await expectRejection(late, UsageError, new RegExp(`process ${process.pid} on .* works in it`));
    assert.equal(await namesIn(folder), ["lock"]);
    await first.expectHeld();
    await first.release();
  }));

test("a lock from elsewhere is given up when nobody touches it for a while, or did for long", () =>
  inTemporaryFolder(async (folder) => {
    await leave(folder, { realm: "another container", host: "c0ffee", pid: 1 });
    const began = performance.now();
    const [note, ...others] = await taken(folder, 600);
    assert.ok(performance.now() - began >= 600);
    assert.match(note ?? "", /looking whether process 1 on c0ffee still works in it/);
    assert.equal(others, []);
    await leave(folder, { realm: "another container" });
    await utimes(lockIn(folder), 0, 0);
    assert.equal(await taken(folder), []);
    await writeFile(lockIn(folder), ""); // killed before it said who it is
    assert.match((await taken(folder, 600)).join(), /whether another process still works/);
  }));

test("a holder elsewhere keeps its lock, also while it computes for long", () =>
  inTemporaryFolder(async (folder) => {
    const busy = "for (const end = performance.now() + 20_000; performance.now() < end; );";
    const holder = await holding(folder, busy);
    const text = await readFile(lockIn(folder), "utf8");
    await writeFile(
      lockIn(folder),
      JSON.stringify({ ...(JSON.parse(text) as LockHolder), realm: "another container" }),
    );
    await expectRejection(lockRun(folder, { patience: 15_000 }), UsageError, /works in it/);
    holder.kill("SIGKILL");
    await holder.ended;
  }));

test.run();
