import { spawn } from "node:child_process";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError, UsageError } from "../../lib/errors.js";
import { readCheckpoint } from "../../lib/files/checkpoints.js";
import { readMetrics } from "../../lib/files/metricsFile.js";
import { finishedMetadata, type OpenRunOptions, openRun, type Run } from "../../lib/files/runDirectory.js";
import { floats, integers } from "../hostTensors.js";
import { expectRejection, inTemporaryFolder, projectRoot } from "../support.js";
import { namesIn, present } from "./support.js";

const test = suite("runDirectory");

const command = "train-vq";
const config = { command, seed: 7, model: { dim: 64 } };
const tensorsAt = (step: number) => ({ model: { w: floats([1], step) }, state: { count: integers([], step) } });

/** A run that trained to step 30, saving at 10 and 20, and was stopped there. */
async function trained(folder: string): Promise<Run> {
  const run = await openRun(folder, { mode: "new", command });
  await run.writeConfig(config);
  for (let step = 5; step <= 30; step += 5) {
    await run.appendMetrics({ step, loss: 1 / step });
    if (step === 10 || step === 20) await run.saveCheckpoint(step, tensorsAt(step), { images: step * 8 });
  }
  await run.close();
  return run;
}

/** Opens a run, and lets go of it at once: there is no other process here. */
async function opened(folder: string, mode: OpenRunOptions["mode"]): Promise<Run> {
  const run = await openRun(folder, { mode, command });
  await run.close();
  return run;
}

const stepsIn = async (folder: string) => (await readMetrics(path.join(folder, "metrics.jsonl"))).map((r) => r.step);

test("a run from start to end leaves the files of the layout and nothing else", async () => {
  await inTemporaryFolder(async (parent) => {
    const folder = path.join(parent, "runs", "a");
    const run = await trained(folder);
    assert.is(run.storedConfig, undefined);
    assert.is(await finishedMetadata(run.folder), undefined);
    await writeFile(path.join(run.samples, "step-000030.png"), "");
    await run.finish({ w: floats([1], 30) }, { step: 30 });
    assert.equal(await finishedMetadata(folder), { step: 30 });
    assert.equal(await namesIn(folder), [
      "checkpoints",
      "config.json",
      "last",
      "metrics.jsonl",
      "model.safetensors",
      "samples",
    ]);
    assert.equal(await namesIn(path.join(folder, "checkpoints")), ["step-000010", "step-000020"]);
    assert.equal(JSON.parse(await readFile(path.join(folder, "config.json"), "utf8")), config);
  });
});

test("a new run takes a missing or empty folder, and refuses one that is not empty, saying which flag does what", async () => {
  await inTemporaryFolder(async (folder) => {
    await opened(folder, "new");
    await writeFile(path.join(folder, "thesis.tex"), "");
    const refused = openRun(folder, { mode: "new", command });
    const error = await expectRejection(
      refused,
      UsageError,
      /not empty/,
      /holds no run/,
      /name another folder, or empty/,
    );
    assert.not.match(error.message, /--resume|--force/, "neither would take it");
    assert.equal(await namesIn(folder), ["thesis.tex"]);
    const run = path.join(folder, "run");
    await trained(run);
    const again = openRun(run, { mode: "new", command });
    await expectRejection(again, UsageError, /not empty/, /--resume continues/, /--force deletes/, /another folder/);
  });
});

test("while a run is open, nobody opens its folder again, or changes anything in it", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    const run = await openRun(folder, { mode: "resume", command });
    const half = path.join(folder, "checkpoints", "step-000030.99-4.tmp");
    await mkdir(half);
    const before = await namesIn(folder);
    for (const mode of ["new", "resume", "force"] as const)
      await expectRejection(
        openRun(folder, { mode, command }),
        UsageError,
        new RegExp(`process ${process.pid} on .* works in it; wait until it ends, .* or name another folder`),
      );
    assert.equal(
      [await namesIn(folder), await namesIn(path.dirname(half))],
      [before, ["step-000010", "step-000020", path.basename(half)]],
    );
    await run.close();
    await opened(folder, "resume");
  });
});

test("a run that cannot be opened stays open to others", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    await expectRejection(openRun(folder, { mode: "new", command }), UsageError, /not empty/);
    await opened(folder, "resume");
  });
});

test("a run that another process has taken over is not saved any more", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    const run = await openRun(folder, { mode: "resume", command });
    await rm(path.join(folder, "lock"));
    const other = await openRun(folder, { mode: "resume", command });
    for (const save of [() => run.saveCheckpoint(30, tensorsAt(30), {}), () => run.finish({}, {})])
      await expectRejection(save, FileError, /process \d+ on .* has taken the run over/);
    await run.close();
    await other.saveCheckpoint(40, tensorsAt(40), {});
    await other.close();
    assert.is((await other.latestCheckpoint())?.step, 40);
  });
});

test("a file in the folder's place is refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    await expectRejection(openRun(file, { mode: "force", command }), UsageError, /want a folder/);
    await expectRejection(openRun(path.join(file, "run"), { mode: "new", command }), FileError, /cannot be made/);
  });
});

test("resuming a missing or empty folder starts", async () => {
  await inTemporaryFolder(async (folder) => {
    for (const place of [folder, path.join(folder, "missing")]) {
      const run = await opened(place, "resume");
      assert.is(run.storedConfig, undefined);
      assert.is(await run.resume(), undefined);
      assert.is(await finishedMetadata(run.folder), undefined);
    }
  });
});

test("resuming gives the stored config and the newest checkpoint, and cuts the metrics back to it", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    const run = await opened(folder, "resume");
    assert.equal(run.storedConfig, config);
    assert.is((await run.latestCheckpoint())?.step, 20);
    assert.equal(await stepsIn(folder), [5, 10, 15, 20, 25, 30], "looking changes nothing");
    const checkpoint = present(await run.resume());
    assert.is(checkpoint.step, 20);
    assert.equal(checkpoint.metadata, { images: 160 });
    assert.equal(await readCheckpoint(checkpoint), tensorsAt(20));
    assert.equal(await stepsIn(folder), [5, 10, 15, 20]);
    await run.appendMetrics({ step: 25 });
    assert.equal(await stepsIn(folder), [5, 10, 15, 20, 25]);
  });
});

test("resuming a run that saved nothing yet starts it over, metrics included", async () => {
  await inTemporaryFolder(async (folder) => {
    const first = await opened(folder, "new");
    await first.writeConfig(config);
    await first.appendMetrics({ step: 0 });
    const run = await opened(folder, "resume");
    assert.is(await run.resume(), undefined);
    assert.equal(await stepsIn(folder), []);
  });
});

test("resuming falls back past a damaged checkpoint, with metrics cut to the older one", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    await truncate(path.join(folder, "checkpoints", "step-000020", "state.safetensors"), 40);
    const run = await opened(folder, "resume");
    const checkpoint = present(await run.resume());
    assert.is(checkpoint.step, 10);
    assert.match(checkpoint.notes.join(), /step 20 passed over.*truncated/);
    assert.equal(await stepsIn(folder), [5, 10]);
  });
});

test("a run of another command is neither resumed nor deleted", async () => {
  await inTemporaryFolder(async (folder) => {
    await trained(folder);
    const before = await namesIn(folder);
    for (const mode of ["resume", "force"] as const)
      await expectRejection(
        openRun(folder, { mode, command: "train-vim" }),
        UsageError,
        /holds a train-vq run, not one of train-vim/,
      );
    assert.equal(await namesIn(folder), before);
  });
});

test("a folder that holds something else is neither resumed nor deleted", async () => {
  await inTemporaryFolder(async (folder) => {
    await mkdir(path.join(folder, "samples"));
    for (const mode of ["resume", "force"] as const) {
      const refused = () => openRun(folder, { mode, command });
      await expectRejection(refused(), FileError, /not a run directory: it has no config\.json; name another folder/);
      await writeFile(path.join(folder, "config.json"), "{");
      await expectRejection(refused(), FileError, /config\.json: damaged: not JSON; name another folder/);
      await writeFile(path.join(folder, "config.json"), '{"name":"x"}');
      await expectRejection(refused(), FileError, /names no command/);
      assert.equal(await namesIn(folder), ["config.json", "samples"]);
      await rm(path.join(folder, "config.json"));
    }
  });
});

test("force removes the run once there is a config of another, and leaves other files alone", async () => {
  await inTemporaryFolder(async (folder) => {
    const old = await trained(folder);
    await old.finish({ w: floats([1], 1) }, {});
    await writeFile(path.join(folder, "notes.txt"), "mine");
    const before = await namesIn(folder);
    const run = await opened(folder, "force");
    assert.is(run.storedConfig, undefined);
    assert.equal(await namesIn(folder), before);
    await run.writeConfig({ ...config, seed: 8 });
    assert.equal(await namesIn(folder), ["config.json", "notes.txt", "samples"]);
    await run.appendMetrics({ step: 5 });
    await run.writeConfig(config);
    assert.equal(await stepsIn(folder), [5], "it replaces no more");
    assert.is(await run.latestCheckpoint(), undefined);
    assert.is(await finishedMetadata(run.folder), undefined);
  });
});

test("what a kill leaves under temporary names counts as nothing and goes", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeFile(path.join(folder, "config.json.99-0.tmp"), "{");
    const run = await opened(folder, "new");
    assert.equal(await namesIn(folder), []);
    await run.writeConfig(config);
    await run.saveCheckpoint(10, tensorsAt(10), {});
    await writeFile(path.join(folder, "model.safetensors.99-1.tmp"), "half");
    await writeFile(path.join(folder, "last.99-2.tmp"), "");
    await writeFile(path.join(run.samples, "a.png.99-3.tmp"), "");
    await mkdir(path.join(folder, "checkpoints", "step-000020.99-4.tmp", "x"), { recursive: true });
    await writeFile(path.join(folder, "metrics.jsonl"), '{"step":10}\n{"step":1');
    const resumed = await opened(folder, "resume");
    assert.is((await resumed.resume())?.step, 10);
    assert.equal(await namesIn(folder), ["checkpoints", "config.json", "last", "metrics.jsonl", "samples"]);
    assert.equal(await namesIn(path.join(folder, "checkpoints")), ["step-000010"]);
    assert.equal(await namesIn(run.samples), []);
    assert.is(await readFile(path.join(folder, "metrics.jsonl"), "utf8"), '{"step":10}\n');
  });
});

test("a file in the place of the samples is named", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = await opened(folder, "new");
    await writeFile(run.samples, "");
    await expectRejection(run.writeConfig(config), FileError, /samples: cannot be made/);
  });
});

test("a damaged model does not count as finished", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = await trained(folder);
    await run.finish({ w: floats([1], 1) }, {});
    await truncate(path.join(folder, "model.safetensors"), 30);
    assert.is(await finishedMetadata(run.folder), undefined);
  });
});

test("a config of another command and keeping no checkpoint are mistakes of the caller", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = await opened(folder, "new");
    await expectRejection(run.writeConfig({ command: "probe" }), RangeError, /want a train-vq config, got probe/);
    await expectRejection(
      openRun(folder, { mode: "new", command, keep: 0 }),
      RangeError,
      /at least 1 checkpoint, got 0/,
    );
  });
});

const readLast = (folder: string) => readFile(path.join(folder, "last"), "utf8").catch(() => "");

/** Saves as fast as it can, from the newest checkpoint on, until it is killed. */
const trainer = (folder: string) => `
  import { openRun } from ${JSON.stringify(path.join(projectRoot, "dist", "lib", "files", "runDirectory.js"))};
  const run = await openRun(${JSON.stringify(folder)}, { mode: "resume", command: "train-vq" });
  if (!run.storedConfig) await run.writeConfig({ command: "train-vq" });
  const tensor = (step) => ({ dtype: "float32", shape: [50000], data: new Float32Array(50000).fill(step) });
  for (let step = ((await run.resume())?.step ?? 0) + 1; ; step++) {
    await run.appendMetrics({ step });
    await run.saveCheckpoint(step, { model: { w: tensor(step) }, state: { w: tensor(step) } }, {});
    if (step % 2) await run.saveCheckpoint(step, { model: { w: tensor(step) }, state: { w: tensor(step) } }, {});
  }`;

test("a process killed in the middle of saving, again and again, leaves a run that continues", async () => {
  await inTemporaryFolder(async (folder) => {
    let reached = 0;
    for (const patience of [0, 3, 11, 24, 40]) {
      const lastBefore = await readLast(folder);
      const child = spawn(process.execPath, ["--input-type=module", "-e", trainer(folder)], { stdio: "inherit" });
      const ended = new Promise((resolve) => child.on("close", resolve));
      while ((await readLast(folder)) === lastBefore && child.exitCode === null) await sleep(5);
      await sleep(patience); // ms
      child.kill("SIGKILL");
      await ended;
      const run = await opened(folder, "resume");
      const checkpoint = present(await run.resume());
      const { step } = checkpoint;
      assert.ok(step > reached, `stood at ${reached}, now at ${step}`);
      reached = step;
      const { model, state } = await readCheckpoint(checkpoint);
      assert.ok([...model["w"]!.data, ...state["w"]!.data].every((value) => value === step));
      assert.equal(
        await stepsIn(folder),
        Array.from({ length: step }, (_, i) => i + 1),
      );
    }
  });
});

test.run();
