import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../lib/files/readModel.js";
import type { TrainingResult } from "../../lib/train/runTraining.js";
import type { Trainer } from "../../lib/train/trainer.js";
import { namesIn } from "../files/support.js";
import { inRun, metricsOf, stepsOf, train } from "./countingRuns.js";

const test = suite("train/runTraining: best weights");

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

test.run();
