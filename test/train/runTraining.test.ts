import { rm } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DivergedError, FileError, UsageError } from "../../lib/errors.js";
import { readCheckpoint } from "../../lib/files/checkpoints.js";
import { readModel } from "../../lib/files/readModel.js";
import { finishedMetadata, openRun } from "../../lib/files/runDirectory.js";
import type { Trainer } from "../../lib/train/trainer.js";
import { namesIn, present } from "../files/support.js";
import { countingTrainer, inRun, metricsOf, stepsOf, train } from "./countingRuns.js";

const test = suite("train/runTraining");

test(
  "the trainer knows how many steps it may do at once",
  inRun(async (folder) => {
    const { rooms } = await train({ folder, logEvery: 3, checkpointEvery: 5 });
    assert.equal(rooms, [3, 2, 1, 2, 1, 1, 3, 2, 1, 1]);
  }),
);

test(
  "a run leaves metrics at every interval, checkpoints, and the finished model",
  inRun(async (folder) => {
    const { outcome, reports, starts } = await train({ folder });
    assert.equal(outcome, { steps: 10, skipped: 0, last: { loss: 8.5, usage: 0.5, psnr: 10 } });
    assert.equal(starts, [0]);
    assert.equal(await stepsOf(folder), [2, 4, 6, 8, 10]);
    const last = present((await metricsOf(folder)).at(-1));
    assert.equal([last["loss"], last["usage"], last["psnr"]], [8.5, 0.5, 10]);
    assert.ok((last["imagesPerSecond"] as number) > 0);
    assert.equal(
      reports.map(({ step }) => step),
      await stepsOf(folder),
    );
    assert.ok(reports.every(({ secondsLeft }) => Number.isFinite(secondsLeft)));
    assert.equal(await namesIn(path.join(folder, "checkpoints")), ["step-000008", "step-000010"]);
    const { tensors, metadata } = await readModel(folder);
    assert.is(tensors["weight"]!.data[0], 10);
    assert.equal(metadata, { note: "hi", step: 10 });
  }),
);

test(
  "the share of an interval that went into waiting for data is logged",
  inRun(async (folder) => {
    let seconds = 0;
    const waited = () => seconds;
    // Pictures take 20 ms of the interval after theirs; from step 5 on, 10 of them are told to be waiting.
    const illustrate = async (_: Trainer, step: number) => {
      const until = performance.now() + 20;
      while (performance.now() < until);
      seconds += step >= 5 ? 0.01 : 0;
      return {};
    };
    const { reports } = await train({ folder, total: 8, logEvery: 1, illustrateEvery: 1, waited, illustrate });
    const shares = (await metricsOf(folder)).map((record) => record["dataWait"] as number);
    assert.equal(shares.slice(0, 5), [0, 0, 0, 0, 0]);
    for (const share of shares.slice(5)) assert.ok(share > 0 && share <= 0.5, `${share}`);
    assert.equal(
      reports.map(({ dataWait }) => dataWait),
      shares,
    );
  }),
);

test(
  "pictures come with the first line after each of their intervals, and at the end",
  inRun(async (folder) => {
    const { illustrated } = await train({ folder, total: 23, logEvery: 4, illustrateEvery: 6 });
    assert.equal(illustrated, [8, 12, 20, 23]);
    const withScores = (await metricsOf(folder)).filter((record) => "psnr" in record);
    assert.equal(
      withScores.map(({ step }) => step),
      illustrated,
    );
  }),
);

test(
  "a run that was cut off goes on from its newest checkpoint, and its metrics have no line twice",
  inRun(async (folder) => {
    const cut = await train({ folder, failAt: 7 });
    assert.match((cut.outcome as Error).message, /power cut/);
    assert.equal(await stepsOf(folder), [2, 4, 6]);
    const { outcome, notes, starts } = await train({ folder, resume: true });
    assert.equal(starts, [4]);
    assert.equal(notes, ["continuing after step 4 of 10"]);
    assert.is((outcome as { steps: number }).steps, 6);
    assert.equal(await stepsOf(folder), [2, 4, 6, 8, 10]);
    assert.is((await readModel(folder)).tensors["weight"]!.data[0], 10);
  }),
);

test(
  "a run cut off before its first checkpoint begins anew",
  inRun(async (folder) => {
    await train({ folder, failAt: 3 });
    const { starts, notes } = await train({ folder, resume: true });
    assert.equal([starts, notes], [[0], []]);
    assert.equal(await stepsOf(folder), [2, 4, 6, 8, 10]);
  }),
);

test(
  "a run cut off between its last checkpoint and the finished model only writes the model",
  inRun(async (folder) => {
    await train({ folder });
    await rm(path.join(folder, "model.safetensors"));
    const { outcome, starts } = await train({ folder, resume: true });
    assert.equal(starts, [10]);
    assert.is((outcome as { steps: number }).steps, 0);
    assert.is((await readModel(folder)).tensors["weight"]!.data[0], 10);
  }),
);

test(
  "a run that diverges keeps its last good checkpoint and finishes no model",
  inRun(async (folder) => {
    const { outcome } = await train({ folder, badFrom: 6 });
    assert.instance(outcome, DivergedError);
    assert.equal(await namesIn(path.join(folder, "checkpoints")), ["step-000004"]);
    const run = await openRun(folder, { mode: "resume", command: "test" });
    assert.is(await finishedMetadata(folder), undefined);
    const { model } = await readCheckpoint(present(await run.latestCheckpoint()));
    assert.is(model["weight"]!.data[0], 4);
    await run.close();
  }),
);

test(
  "a run is not gone on with to fewer steps than it has done",
  inRun(async (folder) => {
    await train({ folder, failAt: 9 });
    const { outcome, starts } = await train({ folder, resume: true, total: 7 });
    assert.instance(outcome, UsageError);
    assert.match((outcome as Error).message, /--steps: want at least the 8 steps that .*run has done, got 7/);
    assert.equal(starts, []);
    assert.equal(await stepsOf(folder), [2, 4, 6, 8]);
    assert.is(await finishedMetadata(folder), undefined);
  }),
);

test(
  "a damaged checkpoint is passed over with a note",
  inRun(async (folder) => {
    await train({ folder, total: 9 });
    await rm(path.join(folder, "checkpoints", "step-000009", "state.safetensors"));
    const { notes, starts } = await train({ folder, resume: true });
    assert.equal(starts, [8]);
    assert.match(notes.join("\n"), /step 9 passed over/);
  }),
);

test(
  "a run is begun once, when its first step is done, and not where its state does not fit or no step can be done",
  inRun(async (folder) => {
    const begun: unknown[] = [];
    const begin = async () => void begun.push((await namesIn(folder)).includes("metrics.jsonl"));
    await train({ folder, total: 4, begin });
    assert.equal(begun, [false], "before its first line");
    await train({ folder: path.join(folder, "failing"), failAt: 0, begin });
    assert.equal(begun, [false], "not begun");
    const createTrainer = async (start: number) => ({
      ...countingTrainer(start, {}),
      restore: () => Promise.reject(new FileError("it belongs to another model")),
    });
    const { outcome } = await train({ folder, total: 9, resume: true, begin, createTrainer });
    assert.match((outcome as Error).message, /belongs to another model/);
    assert.equal(begun, [false], "not begun");
    const hungry = async (start: number) => ({
      ...countingTrainer(start, {}),
      start: () => Promise.reject(new RangeError("Array buffer allocation failed")),
    });
    const anew = await train({ folder: path.join(folder, "new"), begin, createTrainer: hungry });
    assert.match((anew.outcome as Error).message, /allocation failed/);
    assert.equal(begun, [false], "not begun");
    await train({ folder, total: 9, resume: true, begin });
    assert.equal(begun, [false, true]);
    await rm(path.join(folder, "model.safetensors"));
    await train({ folder, total: 9, resume: true, begin });
    assert.equal(begun, [false, true, true], "no step is left");
  }),
);

test(
  "shares of the time that parts of a step took are logged by their names",
  inRun(async (folder) => {
    let encodeShare = 0;
    const illustrate = async () => {
      const until = performance.now() + 20;
      while (performance.now() < until);
      encodeShare += 0.01;
      return {};
    };
    await train({ folder, total: 4, logEvery: 1, illustrateEvery: 1, illustrate, spent: () => ({ encodeShare }) });
    const [first, ...others] = (await metricsOf(folder)).map((record) => record["encodeShare"] as number);
    assert.is(first, 0);
    for (const share of others) assert.ok(share > 0 && share <= 0.5, `${share}`);
  }),
);

test.run();
