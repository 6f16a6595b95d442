/** What happens to trainings that are interrupted: killed, told to stop, told to save. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { namesIn } from "../files/support.js";
import { inTemporaryFolder } from "../support.js";
import {
  fail,
  IMAGES,
  lastStep,
  metricsOf,
  ROW,
  start,
  succeed,
  trainVim,
  trainVq,
  waitFor,
} from "./support/training.js";

const test = suite("commands: interrupted trainings");

const bytesOf = (run: string, ...file: string[]) => readFile(path.join(run, ...file));

/** Both files of the last checkpoint, and the model. */
async function expectSameRuns(got: string, want: string, what: string): Promise<void> {
  const last = path.dirname(path.join((await readFile(path.join(want, "last"), "utf8")).trim(), "x"));
  for (const file of ["model.safetensors", path.join(last, "model.safetensors"), path.join(last, "state.safetensors")])
    assert.ok((await bytesOf(got, file)).equals(await bytesOf(want, file)), `${file} differs, ${what}`);
  assert.equal(await metricsOf(got), await metricsOf(want), `metrics, ${what}`);
}

/** Kills a training twice at moments drawn at random, goes on each time, and compares the end with `want`. */
async function expectKillsDoNotMatter(args: (run: string, ...more: string[]) => string[], folder: string) {
  const [want, got] = [path.join(folder, "straight"), path.join(folder, "killed")];
  await succeed(args(want));
  const moments: string[] = [];
  for (const kill of [1, 2]) {
    const program = start(args(got, ...(kill > 1 ? ["--resume"] : [])));
    await program.until(ROW);
    const delay = 200 * Math.random();
    await setTimeout(delay);
    program.kill("SIGKILL");
    const { signal } = await program.finished;
    moments.push(signal ? `killed ${delay.toFixed(0)} ms after the first line` : "finished before it was killed");
  }
  await succeed(args(got, "--resume"));
  await expectSameRuns(got, want, moments.join(", "));
}

test("train-vq killed twice at random moments ends in the same bytes as without", () =>
  inTemporaryFolder((folder) =>
    expectKillsDoNotMatter((run, ...more) => trainVq(run, "--steps", "120", "--flip", ...more), folder),
  ));

test("train-vim in lanes, killed twice at random moments, ends in the same bytes as without", () =>
  inTemporaryFolder(async (folder) => {
    const [vq, tokens] = [path.join(folder, "vq"), path.join(folder, "tokens.safetensors")];
    await succeed(trainVq(vq, "--steps", "2"));
    await succeed(["encode", IMAGES, "-t", vq, "-o", tokens, "--limit", "100"]);
    await expectKillsDoNotMatter(
      (run, ...more) => trainVim(tokens, run, "--steps", "120", "--lanes", "2", ...more),
      folder,
    );
  }));

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  test(`${signal} saves and ends with ${exitCode}; --resume goes on from there`, () =>
    inTemporaryFolder(async (folder) => {
      const out = path.join(folder, "vq");
      const program = start(trainVq(out, "--steps", "1000000", "--lanes", "2"));
      await program.until(ROW);
      program.kill(signal);
      const { status, stdout, stderr } = await program.finished;
      assert.is(status, exitCode, stderr);
      assert.is(stdout, "");
      const [, stopped] = new RegExp(`stopped by ${signal} after step (\\d+), saved; --resume`).exec(stderr) ?? [];
      assert.is(await lastStep(out), Number(stopped), stderr);
      assert.not.ok(existsSync(path.join(out, "model.safetensors")));
      const resumed = await succeed(["train-vq", "--out", out, "--resume", "--steps", String(Number(stopped) + 3)]);
      assert.match(resumed.stderr, new RegExp(`continuing after step ${stopped} of`));
      const steps = (await metricsOf(out)).map(({ step }) => step as number);
      assert.equal(
        steps,
        [...new Set(steps)].sort((a, b) => a - b),
      );
      assert.is(steps.at(-1), Number(stopped) + 3);
    }));

test("a hangup does not end what has no terminal, as nohup asks", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const program = start(trainVq(out, "--steps", "1000000"));
    await program.until(ROW);
    program.kill("SIGHUP");
    const reached = (await metricsOf(out)).length;
    await waitFor(async () => (await metricsOf(out)).length > reached + 2 || !program.running);
    program.kill("SIGTERM");
    assert.is((await program.finished).status, 143);
  }));

test("while a training runs no other starts in its folder, and it goes on undisturbed", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const program = start(trainVq(out, "--steps", "1000000"));
    await program.until(ROW);
    for (const flag of ["--resume", "--force"])
      await fail(trainVq(out, flag), 2, /vq: process \d+ on .* works in it; wait until it ends, or stop it/);
    program.kill("SIGTERM");
    const { status, stderr } = await program.finished;
    assert.is(status, 143, stderr);
    assert.equal(await namesIn(out), ["checkpoints", "config.json", "last", "metrics.jsonl", "samples"]);
    assert.equal((await metricsOf(out)).map(({ step }) => step).slice(0, 3), [2, 4, 6]);
  }));

test("SIGUSR1 saves and the training goes on; with --json a stop gives one object", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const endless = trainVq(out, "--steps", "1000000", "--json").map((arg, i, all) =>
      all[i - 1] === "--checkpoint-every" ? "1000000" : arg,
    );
    const program = start(endless);
    await waitFor(() => existsSync(path.join(out, "metrics.jsonl")) || !program.running);
    assert.not.ok(existsSync(path.join(out, "last")));
    program.kill("SIGUSR1");
    await waitFor(() => existsSync(path.join(out, "last")) || !program.running);
    const saved = await lastStep(out);
    await waitFor(async () => ((await metricsOf(out)).at(-1)?.["step"] as number) > saved + 4 || !program.running);
    assert.ok(program.running);
    program.kill("SIGTERM");
    const { status, stdout } = await program.finished;
    assert.is(status, 143);
    const { error } = JSON.parse(stdout) as { error: { exitCode: number; message: string } };
    assert.is(error.exitCode, 143);
    assert.ok((await lastStep(out)) > saved);
  }));

test("a finished run that is extended and killed is not taken for finished", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    await succeed(trainVq(out, "--steps", "2"));
    const program = start(["train-vq", "--out", out, "--resume", "--steps", "1000000"]);
    await program.until(ROW);
    program.kill("SIGKILL");
    await program.finished;
    const going = start(["train-vq", "--out", out, "--resume"]);
    await going.until(ROW);
    going.kill("SIGTERM");
    assert.is((await going.finished).status, 143);
  }));

test.run();
