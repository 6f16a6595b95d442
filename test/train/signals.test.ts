import { spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { watchSignals } from "../../lib/train/signals.js";

const test = suite("train/signals");

/** Sends this process a signal and waits until a condition holds. */
async function receive(signal: NodeJS.Signals, holds: () => boolean): Promise<void> {
  process.kill(process.pid, signal);
  for (let tries = 0; !holds() && tries < 200; tries++) await setTimeout(5);
}

test("a stop signal is noted and told once", async () => {
  const told: string[] = [];
  const watch = watchSignals((signal) => told.push(signal));
  assert.is(watch.stop, undefined);
  await receive("SIGTERM", () => watch.stop !== undefined);
  assert.is(watch.stop, "SIGTERM");
  assert.equal(told, ["SIGTERM"]);
  assert.not.ok(watch.takeSaveRequest());
  watch.close();
});

test("SIGUSR1 is a request to save, taken once, and no stop", async () => {
  const watch = watchSignals();
  let requested = false;
  await receive("SIGUSR1", () => {
    requested ||= watch.takeSaveRequest();
    return requested;
  });
  assert.ok(requested);
  assert.not.ok(watch.takeSaveRequest());
  assert.is(watch.stop, undefined);
  watch.close();
});

test("a lost terminal asks for a stop, and ends nothing at once however often it is told; without one nobody listens", async () => {
  const told: string[] = [];
  const watch = watchSignals((signal) => told.push(signal), true);
  await receive("SIGHUP", () => watch.stop !== undefined);
  await receive("SIGHUP", () => false);
  assert.equal([watch.stop, told], ["SIGHUP", ["SIGHUP"]]);
  watch.close();
  const before = process.listenerCount("SIGHUP");
  const deaf = watchSignals(() => {}, false);
  assert.is(process.listenerCount("SIGHUP"), before);
  deaf.close();
});

test("a closed watch leaves no handler behind", () => {
  const count = () => ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"].map((signal) => process.listenerCount(signal));
  const before = count();
  const watch = watchSignals(() => {}, true);
  assert.equal(
    count(),
    before.map((listeners) => listeners + 1),
  );
  watch.close();
  assert.equal(count(), before);
});

test("a second stop signal ends the process at once", async () => {
  const module = new URL("../../lib/train/signals.js", import.meta.url).href;
  const script = `
    const { watchSignals } = await import(${JSON.stringify(module)});
    watchSignals((signal) => console.log(signal));
    console.log("ready");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (output === "ready\n" || output === "ready\nSIGINT\n") child.kill("SIGINT");
  });
  const patience = globalThis.setTimeout(() => child.kill("SIGKILL"), 10_000);
  const signal = await new Promise((resolve) => child.on("close", (_, by) => resolve(by)));
  clearTimeout(patience);
  assert.is(signal, "SIGINT");
  assert.is(output, "ready\nSIGINT\n");
});

test.run();
