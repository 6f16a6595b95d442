/**
 * The real TensorFlow beside the JavaScript backend, kernel by kernel, and beside the default engine, training by
 * training. Where it is not installed, as in CI, all of that is skipped; `docs/tensorflow.md` says how to have it.
 */
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { EMA_CODEBOOK } from "../../lib/train/emaCodebook.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import {
  ADVERSARIAL,
  advance,
  type Create,
  expectExactResume,
  expectSameTraining,
  priorTrainer,
  STEADY,
  TASK,
  tokenizerTrainer,
} from "../train/support.js";
import { allGroups } from "./lowerings/allGroups.js";
import { type Case, compareEngines } from "./support/compareEngines.js";
import { missing, tensorflow } from "./support/tensorflow.js";

const without = missing === undefined ? "" : " (TensorFlow is not here: what needs it is skipped)";
const test = suite(`engine/tensorflow parity${without}`);
const real = missing === undefined ? test : test.skip;

/** No model takes steps of integers or adds integers up by segment: the one is refused, the other stays an integer. */
const lacking = ({ name }: Case) => name.startsWith("int step ") || name.startsWith("unsortedSegmentSum int32 ");

for (const [sentence, cases] of await allGroups()) {
  const known = cases.filter((one) => !lacking(one));
  real(`${sentence}, in TensorFlow`, () => compareEngines(sentence, known, "tensorflow"));
}

const stage1 = (task: TokenizerTask): Create => {
  return async (on, start) => tokenizerTrainer({ engine: on, task, optimizer: STEADY }, start);
};
const stage2: Create = async (on, start) =>
  priorTrainer({ engine: on, dropout: 0.1, classDropout: 0.2, optimizer: STEADY }, start);

const patches = { kind: "patch", imageSize: 8, channels: 1, width: 4, layers: 1 } as const;
const averages = { ...EMA_CODEBOOK, restartBelow: 0.1 };

const TRAININGS: Readonly<Record<string, Create>> = {
  "stage 1 with StyleGAN2's discriminator and R1": stage1(ADVERSARIAL),
  "stage 1 with PatchGAN and R1": stage1({ ...ADVERSARIAL, discriminator: patches }),
  "stage 1 with codes restarted": stage1({ ...TASK, revival: { quantizeFrom: 2, every: 2 } }),
  "stage 1 with a codebook of averages": stage1({
    ...TASK,
    averages,
    model: { ...TASK.model, codebookUpdate: "ema" },
  }),
  "stage 2 with dropout": stage2,
  "stage 2 with blocks computed again": async (on, start) =>
    priorTrainer({ engine: on, dropout: 0.1, recompute: true, optimizer: STEADY }, start),
};

for (const [name, create] of Object.entries(TRAININGS)) {
  real(`${name}: losses and weights of ten steps are those of the default engine`, async () => {
    await expectSameTraining(create, await tensorflow(), { to: 10 });
  });

  test(`${name}: on the JavaScript backend, which runs the steps in the same manner, they are as well`, async () => {
    await expectSameTraining(create, await createEagerEngine("cpu"), { to: 3 });
  });
}

for (const [name, create] of Object.entries({ "stage 1": stage1(ADVERSARIAL), "stage 2": stage2 })) {
  real(`${name}: a run cut off and continued ends in the same bytes`, async () => {
    const on = await tensorflow();
    await expectExactResume((start) => create(on, start), { middle: 3, total: 5 });
  });

  real(`${name}: fifty steps leave no tensor behind`, async () => {
    const before = tf.memory().numTensors;
    const trainer = await create(await tensorflow());
    await advance(trainer, 0, 5); // with a step of R1
    const kept = tf.memory().numTensors;
    const counts = new Set<number>();
    for (let step = 5; step < 55; step++) {
      await trainer.step(step);
      counts.add(tf.memory().numTensors);
    }
    assert.equal([...counts], [kept]);
    await trainer.close();
    assert.is(tf.memory().numTensors, before);
  });
}

test.run();
