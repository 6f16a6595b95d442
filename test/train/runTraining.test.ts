import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DivergedError } from "../../lib/errors.js";
import { readCheckpoint } from "../../lib/files/checkpoints.js";
import { readMetrics } from "../../lib/files/metricsFile.js";
import { readModel } from "../../lib/files/readModel.js";
import { openRun } from "../../lib/files/runDirectory.js";
import {
  type RunTraining,
  runTraining,
  type TrainingReport,
  type TrainingResult,
} from "../../lib/train/runTraining.js";
import type { Trainer } from "../../lib/train/trainer.js";
import { namesIn, present } from "../files/support.js";
import { floats } from "../hostTensors.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("train/runTraining");

/** Adds 1 to its only weight a step; fails or goes bad where told. */
function countingTrainer(start: number, { failAt, badFrom }: Faults): Trainer & { closed: boolean; rooms: unknown[] } {
  const weight = floats([1], 0);
  return {
    closed: false,
    rooms: [],
    async step(step, room) {
      this.rooms.push(room);
      if (step === failAt) throw new Error("power cut");
      if (badFrom !== undefined && step >= badFrom) return { metrics: {}, applied: false };
      assert.is(weight.data[0], step, `step ${step} follows on ${start}`);
      weight.data[0]! += 1;
      return { metrics: { loss: step }, applied: true };
    },
    takeIntervalMetrics: () => ({ usage: 0.5 }),
    save: async () => ({
      model: { weight },
      state: { double: floats([1], 2 * weight.data[0]!) },
      metadata: { note: "hi" },
    }),
    async restore({ model, state, metadata }) {
      assert.is(state["double"]!.data[0], 2 * model["weight"]!.data[0]!);
      assert.equal(metadata["note"], "hi");
      weight.data.set(model["weight"]!.data);
    },
    async close() {
      this.closed = true;
    },
  };
}

type Faults = { failAt?: number; badFrom?: number };
type Plan = Faults & Partial<RunTraining> & { folder: string };

async function train({ folder, failAt, badFrom, ...options }: Plan) {
  const run = await openRun(folder, { mode: options.resume ? "resume" : "new", command: "test" });
  await run.writeConfig({ command: "test" });
  const reports: TrainingReport[] = [];
  const notes: string[] = [];
  const starts: number[] = [];
  const illustrated: number[] = [];
  const trainers: ReturnType<typeof countingTrainer>[] = [];
  const faults = { ...(failAt !== undefined && { failAt }), ...(badFrom !== undefined && { badFrom }) };
  const outcome = await runTraining({
    run,
    resume: false,
    total: 10,
    logEvery: 2,
    checkpointEvery: 4,
    patience: 2,
    illustrateEvery: 100,
    batchSize: 8,
    begin: async () => undefined,
    waited: () => 0,
    createTrainer: async (start) => {
      starts.push(start);
      const trainer = countingTrainer(start, faults);
      trainers.push(trainer);
      return trainer;
    },
    illustrate: async (_, step) => {
      illustrated.push(step);
      return { psnr: step };
    },
    onInterval: (report) => reports.push(report),
    onNote: (note) => notes.push(note),
    ...options,
  }).catch((error: unknown) => error as Error);
  assert.equal(
    trainers.map(({ closed }) => closed),
    trainers.map(() => true),
    "the trainer is closed, whatever happens",
  );
  assert.is(process.listenerCount("SIGUSR1"), 0, "no signal handler stays behind");
  const rooms = trainers.flatMap((trainer) => trainer.rooms);
  return { outcome, reports, notes, starts, illustrated, rooms };
}

const metricsOf = (folder: string) => readMetrics(path.join(folder, "metrics.jsonl"));
const stepsOf = async (folder: string) => (await metricsOf(folder)).map(({ step }) => step);
const inRun = (body: (folder: string) => Promise<void>) => () =>
  inTemporaryFolder((folder) => body(path.join(folder, "run")));

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
    assert.not.ok(await run.isFinished());
    const { model } = await readCheckpoint(present(await run.latestCheckpoint()));
    assert.is(model["weight"]!.data[0], 4);
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

/** Scores by step, as `illustrate` gives them. */
const scored = (scores: Readonly<Record<number, number>>, stopAfter = 0) => ({
  illustrateEvery: 2,
  illustrate: async (_: Trainer, step: number) => ({ valNll: scores[step]! }),
  keepBest: { on: "val", stopAfter },
});
const SCORES = { 2: 3, 4: 2, 6: 1, 8: 2, 10: 2 };
const bestOf = (folder: string) => readModel(path.join(folder, "best.safetensors"));

test(
  "the weights with the lowest score are kept, and metrics and result say which they are",
  inRun(async (folder) => {
    const { outcome } = await train({ folder, ...scored(SCORES) });
    assert.equal((outcome as TrainingResult).best, { step: 6, valNll: 1, since: 2, on: "val" });
    const { tensors, metadata } = await bestOf(folder);
    assert.equal([tensors["weight"]!.data[0], metadata], [6, { step: 6, valNll: 1 }]);
    assert.equal(
      (await metricsOf(folder)).map(({ bestStep, bestValNll }) => [bestStep, bestValNll]),
      [
        [2, 3],
        [4, 2],
        [6, 1],
        [6, 1],
        [6, 1],
      ],
    );
    assert.is((await readModel(folder)).tensors["weight"]!.data[0], 10);
  }),
);

test(
  "a run that was cut off goes on from the best weights of its checkpoint's time, and ends in the same bytes",
  inRun(async (folder) => {
    await train({ folder, failAt: 7, ...scored(SCORES) });
    assert.is((await bestOf(folder)).metadata["step"], 6);
    // Another future than the one that was cut off, in which step 6 is worse.
    const other = { ...SCORES, 6: 2.5 };
    const { outcome } = await train({ folder, resume: true, ...scored(other) });
    assert.equal((outcome as TrainingResult).best, { step: 4, valNll: 2, since: 3, on: "val" });
    assert.is((await bestOf(folder)).tensors["weight"]!.data[0], 4);
    const straight = `${folder}-straight`;
    await train({ folder: straight, ...scored(other) });
    for (const file of ["best.safetensors", "checkpoints/step-000010/state.safetensors", "model.safetensors"])
      assert.equal(await readFile(path.join(folder, file)), await readFile(path.join(straight, file)), file);
  }),
);

test(
  "a run cut off before its first checkpoint has no best weights when it begins anew",
  inRun(async (folder) => {
    await train({ folder, failAt: 3, ...scored(SCORES) });
    await train({ folder, resume: true, failAt: 1, ...scored(SCORES) });
    assert.not.ok((await namesIn(folder)).includes("best.safetensors"));
  }),
);

test(
  "training ends when scores fall no more: the model says which step, and more patience goes on from there",
  inRun(async (folder) => {
    const rising = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [2 * i, i]));
    const { outcome } = await train({ folder, total: 30, ...scored(rising, 3) });
    assert.equal((({ steps, endedAt }) => [steps, endedAt])(outcome as TrainingResult), [8, 8]);
    const { tensors, metadata } = await readModel(folder);
    assert.equal([tensors["weight"]!.data[0], metadata["step"], metadata["scoresWithoutGain"]], [8, 8, 3]);
    assert.equal(await stepsOf(folder), [2, 4, 6, 8]);
    await rm(path.join(folder, "model.safetensors"));
    const again = await train({ folder, total: 30, resume: true, ...scored(rising, 3) });
    assert.equal([again.starts, (again.outcome as TrainingResult).steps], [[8], 0], "only the model is written");
    const on = await train({ folder, total: 30, resume: true, ...scored(rising, 5) });
    assert.equal([on.starts, (on.outcome as TrainingResult).endedAt], [[8], 12]);
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
